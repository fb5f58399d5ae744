#!/usr/bin/env bash
# Runs a command beside an engine: with.sh ceph|minio|versitygw COMMAND…
#
# The engine runs in a new folder below TMPDIR, which is removed with it. Where it
# is stands in the environment of the command as tests look for it
# (layout/store/s3/s3test). The status is that of the command; 3 where the engine
# cannot be had here.
set -euo pipefail

engine=${1:?ceph, minio or versitygw}
shift
here=$(cd "${BASH_SOURCE%/*}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/pf-$engine-XXXXXX")
end() {
	"$here/$engine.sh" stop "$dir"
	rm -rf "$dir"
}
trap end EXIT

"$here/$engine.sh" start "$dir" >&2
. "$dir/engine"
export TEST_S3_ENDPOINT=$endpoint TEST_S3_ACCESS_KEY=$access_key TEST_S3_SECRET_KEY=$secret_key
"$@"
