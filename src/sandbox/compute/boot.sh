# $1: the user data's file on the first boot, or nothing. The rest: a command in place of the boot script.
if [ -n "$1" ]; then
    # A copy that only this shell's child has written. The sandbox starts many processes, and one that was started while
    # it wrote the file may still have that open for writing: then the system does not run it (ETXTBSY).
    cp "$1" "$1.run"
    "$1.run" || echo "user data ended with exit code $?"
fi
shift
[ $# -gt 0 ] && exec "$@"
if [ -f ./boot ] && [ -x ./boot ]; then
    exec ./boot
elif [ -f ./boot.sh ]; then
    exec sh ./boot.sh
fi
