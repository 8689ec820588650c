#!/bin/sh
# Stands where the migrations of stacks/canary.deploy would run: says which one it was asked for.
case "$1" in
expand | contract) echo "$1 for $BGFORM_RELEASE" ;;
*)
  echo "migrate.sh: expand or contract, not \`$1\`" >&2
  exit 2
  ;;
esac
