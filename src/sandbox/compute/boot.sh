# $1: the user data's file on the first boot, or nothing.
if [ -n "$1" ]; then
    "$1" || echo "user data ended with exit code $?"
fi
if [ -f ./boot ] && [ -x ./boot ]; then
    exec ./boot
elif [ -f ./boot.sh ]; then
    exec sh ./boot.sh
fi
