#!/usr/bin/env bash
# A versitygw server on 127.0.0.1 over a folder, built from the module that pins
# it (../versitygw).
#
#     versitygw.sh start DIR   prints endpoint, access_key and secret_key
#     versitygw.sh stop DIR    stops what it started; DIR stays
#
# VERSITYGW names a program that was built before; else it is the one that tests
# have built (.tools/versitygw), or one is built into DIR, which takes minutes.
set -euo pipefail

verb=${1:?start or stop} dir=${2:?the folder of the engine}
here=$(cd "${BASH_SOURCE%/*}" && pwd)
. "$here/lib.sh"

start_all() {
	local port program=${VERSITYGW:-$here/../../.tools/versitygw}
	local key=patchferry-test secret=patchferry-secret
	need curl curl
	mkdir -p "$dir/root"
	[ -x "$program" ] || program=$dir/versitygw
	[ -x "$program" ] ||
		(cd "$here/../versitygw" && nice -n 19 go build -o "$program" github.com/versity/versitygw/cmd/versitygw) ||
		exit 3
	port=$(free_ports 1)
	start versitygw "$program" --port "127.0.0.1:$port" --access "$key" --secret "$secret" --quiet --keep-alive posix "$dir/root"
	until_true 30 server answers "http://127.0.0.1:$port/"
	describe "http://127.0.0.1:$port" "$key" "$secret"
}

case $verb in
start) start_all ;;
stop) stop_all ;;
*) fail "no verb $verb" ;;
esac
