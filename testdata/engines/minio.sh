#!/usr/bin/env bash
# A MinIO server on 127.0.0.1 with four drives, which are folders, built from the
# module that pins it (minio/go.mod). It is archived: this is a test.
#
#     minio.sh start DIR   prints endpoint, access_key and secret_key
#     minio.sh stop DIR    stops what it started; DIR stays
#
# MINIO names a program that was built before; else it is built into .tools, once,
# which takes minutes.
set -euo pipefail

verb=${1:?start or stop} dir=${2:?the folder of the engine}
here=$(cd "${BASH_SOURCE%/*}" && pwd)
. "$here/lib.sh"

start_all() {
	local port program=${MINIO:-$here/../../.tools/minio}
	local key=patchferry-test secret=patchferry-secret
	need curl curl
	[ -x "$program" ] || (cd "$here/minio" && nice -n 19 go build -o "$program" github.com/minio/minio) ||
		exit 3
	port=$(free_ports 1)
	MINIO_ROOT_USER=$key MINIO_ROOT_PASSWORD=$secret MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CI_CD=1 \
		start minio "$program" server --quiet --address "127.0.0.1:$port" "$dir/drive{1...4}"
	until_true 30 server answers "http://127.0.0.1:$port/minio/health/ready"
	describe "http://127.0.0.1:$port" "$key" "$secret"
}

case $verb in
start) start_all ;;
stop) stop_all ;;
*) fail "no verb $verb" ;;
esac
