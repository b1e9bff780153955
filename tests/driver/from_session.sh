#!/bin/sh
# from_session.sh 0|1 COMMAND...: runs a command in a new pid namespace, where getsid() and getpgrp() give what they give to a program that
# something outside its namespace started (0: a container's runtime, a machine's init) or whose session process 1 leads (1).
# World: tests.
set -eu
session=$1
shift
users=
[ "$(id -u)" = 0 ] || users='--user --map-current-user'
lead=
[ "$session" = 0 ] || lead=setsid
# The shell stays as process 1, to reap.
exec unshare $users --pid --fork --mount-proc --kill-child $lead sh -c 'test "$(ps -o sid= -p $$ | tr -d " ")" = "$0" && "$@"; exit $?' "$session" "$@"
