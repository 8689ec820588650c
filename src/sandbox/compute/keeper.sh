# Ends every process of one run of a sandbox when the sandbox is gone, however it went.
# $1: the sandbox's root; $2: its run. The sandbox holds the other end of stdin.
trap '' HUP INT TERM
read -r said
[ "$said" = end ] && exit 0
root=$1
run=$2

# When a process began, as the sandbox wrote it down.
began() {
    if [ -r "/proc/$1/stat" ]; then
        read -r stat < "/proc/$1/stat" || return
        set -- ${stat##*) }
        echo "${20}"
    elif [ ! -d /proc/self ]; then
        ps -o lstart= -p "$1" | sed 's/^ *//; s/ *$//'
    fi
}

# The groups that were written down.
for file in "$root"/instances/*/pid "$root"/instances/*/commands/*; do
    [ -f "$file" ] || continue
    read -r pid of when < "$file" || continue
    [ "$of" = "$run" ] && [ -n "$when" ] && [ "$(began "$pid" 2>/dev/null)" = "$when" ] || continue
    kill -KILL "-$pid" 2>/dev/null
done

# What left its group, or was begun in the last moment: until nothing is found twice.
[ -d /proc/self ] || exit 0
clean=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    found=$(grep -lsF "BGFORM_SANDBOX_RUN=$run" /proc/[0-9]*/environ)
    if [ -z "$found" ]; then
        clean=$((clean + 1))
        [ "$clean" -ge 2 ] && exit 0
        sleep 0.1 2>/dev/null || sleep 1
        continue
    fi
    clean=0
    for file in $found; do
        pid=${file#/proc/}
        kill -KILL "${pid%/environ}" 2>/dev/null
    done
done
