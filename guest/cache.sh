# shellcheck shell=bash
# Content-addressed cache of built guest files; sourced by the scripts of guest/, never run by itself.
#
# An entry is a folder ${XDG_CACHE_HOME:-$HOME/.cache}/mayfly/NAME-HASH whose hash covers everything that decides its
# content. It is built in a folder of its own and renamed when complete, so an entry that exists is whole.

cache_root="${XDG_CACHE_HOME:-$HOME/.cache}/mayfly"

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 1
}

# need COMMAND:PACKAGE...: ends with one line naming every missing program and the package it comes in.
need() {
  local pair missing=""
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=" ${pair%%:*} (package ${pair#*:})"
  done
  [ -z "$missing" ] || die "missing:$missing"
}

# cache_hash FILE...: 16 hex digits over the files and, on stdin, any further text that decides the content.
cache_hash() {
  { cat "$@" -; } | sha256sum | cut -c1-16
}

# cache_entry NAME FUNCTION: prints the folder of entry NAME, after FUNCTION FOLDER LOG has filled it if there is none yet.
# Two callers at once are safe: the second waits. On failure shows the end of the log, which stays, and nothing else does.
cache_entry() {
  local name=$1 fill=$2
  local entry="$cache_root/$name"
  if [ ! -d "$entry" ]; then
    mkdir -p "$cache_root/log"
    exec {cache_lock}>"$cache_root/log/$name.lock"
    if ! flock --nonblock "$cache_lock"; then
      say "$name: another build of it is running, waiting for that one"
      flock "$cache_lock"
    fi
    [ -d "$entry" ] || cache_fill "$name" "$fill" "$cache_root/log/$name.log"
    exec {cache_lock}>&-
  fi
  printf '%s\n' "$entry"
}

cache_fill() {
  local name=$1 fill=$2 log=$3 work status=0
  # Left by a build that was killed; the lock is ours, so nobody is using it.
  rm -rf "$cache_root/.$name".*
  work=$(mktemp -d "$cache_root/.$name.XXXXXX")
  chmod 755 "$work"
  # shellcheck disable=SC2064  # $work must be the value of now.
  trap "rm -rf '$work'; exit 130" INT TERM HUP
  set +e
  (
    set -euo pipefail
    exec {cache_lock}>&-
    "$fill" "$work" "$log"
  )
  status=$?
  set -e
  trap - INT TERM HUP
  if [ "$status" != 0 ]; then
    rm -rf "$work"
    [ ! -s "$log" ] || { say "--- last lines of $log"; tail -n 20 "$log" >&2; }
    die "$name was not built"
  fi
  mv -T "$work" "$cache_root/$name"
  rm -f "$log"
}
