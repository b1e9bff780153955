# shellcheck shell=bash
# What the cases of the command line share. To be sourced; becomes the ordinary user in a directory of its own.
#
# A case calls `expect STATUS COMMAND...`: the command must end with the status, and a failing one must say exactly one line.
set -u
# CTest's own files are open in its children; a program must not take them along.
for fd in /proc/self/fd/*; do
  fd=${fd##*/}
  [ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done
if [ "$(id -u)" = 0 ] && [ -z "${STASIS_TEST_USER:-}" ]; then
  user=$(id -u stasis-test 2>/dev/null || echo 65534)
  group=$(id -g stasis-test 2>/dev/null || echo 65534)
  here=$(mktemp -d /tmp/stasis-cli.XXXXXX)
  cp "$(dirname "$(readlink -f "$0")")"/* "$here"
  # The build tree may be where only root can read.
  cp "$STASIS_TEST_BUILD/tests/cli/step_actor" "$STASIS_TEST_BUILD/tests/cli/descriptor_storm" "$here"
  chown -R "$user:$group" "$here"
  # A second user's store, for the case that needs one.
  install -d -m 700 "$here/foreign"
  # A network of its own: a port that a program has been given is free when it comes back, for no other test has been given it meanwhile.
  unshare --net sh -c 'ip link set lo up && exec "$@"' own-network \
    setpriv --reuid "$user" --regid "$group" --clear-groups env STASIS_TEST_USER="$user" HOME="$here" "$here/$(basename "$0")" "$@"
  status=$?
  rm -rf "$here"
  exit $status
fi

stasis=${STASIS_PREFIX:-$STASIS_TEST_BUILD}/bin/stasis
[ -x "$stasis" ] || { echo "no $stasis that this user can run (use scripts/test, or set STASIS_PREFIX)"; exit 1; }
# Where the programs of the cases are.
programs=$(dirname "$(readlink -f "$0")")
[ -x "$programs/step_actor" ] || programs=$STASIS_TEST_BUILD/tests/cli
work=$(mktemp -d /tmp/stasis-cli-work.XXXXXX)
cd "$work" || exit 1

leave() {
  local store
  for store in "$work"/*/coordinator; do [ -e "$store" ] && "$stasis" kill --dir "$(dirname "$store")" >/dev/null 2>&1; done
  rm -rf "$work"
}
trap leave EXIT
fail() {
  echo "FAILED: $*"
  for log in "$work"/*/coordinator.log "$work"/*.err; do [ -e "$log" ] && { echo "--- $log"; tail -n 30 "$log"; }; done
  local process
  for process in $(pgrep -u "$(id -u)"); do
    case $(readlink "/proc/$process/cwd") in "$work"*) ;; *) continue ;; esac
    echo "--- process $process: $(tr '\0' ' ' <"/proc/$process/cmdline") ($(cat "/proc/$process/wchan"), system call $(cut -d ' ' -f 1 "/proc/$process/syscall"))"
  done 2>/dev/null
  ss -tnoiem 2>/dev/null | head -n 100
  exit 1
}

# expect STATUS COMMAND...: output in $said.
expect() {
  local wanted=$1 status
  shift
  said=$(timeout 30 "$@" 2>&1 </dev/null)
  status=$?
  [ $status = "$wanted" ] || fail "$* ended with status $status, not $wanted: $said"
  [ "$wanted" = 0 ] || [ "$(printf '%s\n' "$said" | wc -l)" = 1 ] || fail "$* says more than a line: $said"
  [ "$wanted" = 0 ] || [ -n "$said" ] || fail "$* fails in silence"
}
says() { case $said in *"$1"*) ;; *) fail "does not name '$1': $said" ;; esac; }

# start STORE COMMAND...: launches in the background; returns when the command has made the file "up". Its process is $launched.
start() {
  local store=$1
  shift
  rm -f up
  mkfifo up
  "$stasis" launch --dir "$store" -- "$@" </dev/null >"$store.out" 2>&1 &
  launched=$!
  read -r _ <up || fail "the program did not start: $(cat "$store.out")"
  rm -f up
}
# A program that says it is up, waits for a line in the FIFO "go", says "went on" and ends with status 7.
waiting=(bash -c 'exec 9<>${GO:-go}; echo up >up; read -r word <&9; echo "went on: $word"; exit 7')
[ -p go ] || mkfifo go
exec 8<>go
