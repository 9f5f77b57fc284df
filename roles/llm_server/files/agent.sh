#!/bin/sh
# Answers HAProxy's agent-check with the verdict that `verify watch` left. Shell builtins only: it runs once a second.
# Never `ready`: that would cancel an operator's drain or maintenance.
# Usage: agent MAX_AGE_S
verdict='down #starting'
read -r now _ < /proc/uptime
if { read -r word && read -r at; } 2>/dev/null < /run/llm-server/verdict; then
    verdict=$word
    [ $((${now%.*} - ${at%.*})) -le "$1" ] || verdict='down #stale'
fi
echo "$verdict"
