#!/bin/bash
# A pipeline of five programs, subshells and command substitution: prints a checksum every thousand lines.
rounds=$1
seq $((rounds * 1000)) | awk '{ printf "%d %d\n", $1, ($1 * 7919) % 10007; fflush() }' | grep -v '^13 ' --line-buffered |
  while read -r number rest; do
    sum=$(((sum * 31 + rest) % 1000000007))
    [ $((number % 1000)) != 0 ] || echo "round $((number / 1000)) $(echo $sum | tr 0-9 a-j)"
  done | cat
