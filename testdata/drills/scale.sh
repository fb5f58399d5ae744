#!/usr/bin/env bash
# The drills of docs/scale.md, for real: a Ceph cluster of three OSDs, a near side
# and two servers, as processes on 127.0.0.1. Needs what testdata/engines/ceph.sh
# needs, and aws (Debian: awscli). It takes some five minutes and 20 GB of disk.
#
#     testdata/drills/scale.sh [DIR]
#
# Every command of the page is a line of this script, and is printed as it is run
# (a test holds the page to that). Whatever is not as it should be ends it.
set -euo pipefail

root=$(cd "${BASH_SOURCE%/*}/../.." && pwd)
dir=${1:-$(mktemp -d /tmp/pf-drill-XXXXXX)}
mkdir -p "$dir"
cd "$dir"
unset AWS_CA_BUNDLE AWS_PROFILE
export AWS_CONFIG_FILE=/dev/null AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

for program in ceph-mon aws jq curl; do
	command -v "$program" >/dev/null || { echo "SKIP: needs $program" >&2; exit 3; }
done
(cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$OLDPWD/patchferry" ./cmd/patchferry && go build -o "$OLDPWD/drills" ./testdata/drills)
ln -sfn "$root/testdata/engines" engines
ln -sfn "$root/configs" configs
PATH=$PWD:$PATH

# What on a real cluster are programs of its machines.
ceph() { engines/ceph.sh ceph ceph "$@"; }
radosgw-admin() { engines/ceph.sh radosgw-admin ceph "$@"; }
aws() { command aws --endpoint-url "$S3" "$@"; }

# keys USER SECRET: a credentials file of two lines.
keys() { (umask 077 && printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" >"$1.credentials"); }

# replica NAME PORT: the folder of a server: no secret key but that of the bucket.
replica() {
	mkdir -p "$1/keys"
	cp near/keys/pins near/keys/*.asc "$1/keys/"
	cat >"$1/patchferry.toml" <<-END
		role   = "near"
		store  = "s3://updates?endpoint=$S3&credentials=$PWD/ferry-serve.credentials"
		listen = "127.0.0.1:$2"
		[log]
		access = false
		[serve]
		cache_size = "400MB"
	END
}

# serve NAME: one that runs, and answers.
serve() {
	patchferry --config "$1/patchferry.toml" serve >>"$1.log" 2>&1 &
	echo $! >"$1.pid"
	curl -sf --retry 60 --retry-delay 1 --retry-all-errors -o /dev/null "http://$(sed -n 's/^listen *= "\(.*\)"/\1/p' "$1/patchferry.toml")/readyz"
}

# fails STATUS COMMAND…: it must end so.
fails() {
	local want=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || { echo "it ended in $got, want $want" >&2; return 1; }
}

end() {
	local status=$? name
	set +v
	for name in *.pid; do
		[ ! -f "$name" ] || kill "$(cat "$name")" 2>/dev/null || true
	done
	engines/ceph.sh stop ceph
	[ "$status" = 0 ] && echo "all drills ended as they should" || echo "a drill failed: $PWD" >&2
}
trap end EXIT
set -v

## The cluster, its users, the bucket and who may do what.
engines/ceph.sh start ceph
. ceph/engine
S3=$endpoint
radosgw-admin user create --uid ferry-admin --display-name 'owns the bucket' --access-key ferry-admin --secret "$(openssl rand -hex 20)" >ferry-admin.json
radosgw-admin user create --uid ferry --display-name 'writes' --max-buckets -1 --access-key ferry --secret "$(openssl rand -hex 20)" >ferry.json
radosgw-admin user create --uid ferry-serve --display-name 'reads' --max-buckets -1 --access-key ferry-serve --secret "$(openssl rand -hex 20)" >ferry-serve.json
export AWS_ACCESS_KEY_ID=ferry-admin AWS_SECRET_ACCESS_KEY=$(jq -r '.keys[0].secret_key' ferry-admin.json)
aws s3api create-bucket --bucket updates
aws s3api put-bucket-policy --bucket updates --policy file://configs/ceph/policy.json
keys ferry "$(jq -r '.keys[0].secret_key' ferry.json)"
keys ferry-serve "$(jq -r '.keys[0].secret_key' ferry-serve.json)"

## The near side.
patchferry init near --dir near --no-passphrase --store "s3://updates?endpoint=$S3&credentials=$PWD/ferry.credentials"
patchferry --config near/patchferry.toml doctor
drills publish -listen 127.0.0.1:8531 & echo $! >publisher.pid
drills list -set first -small 400 -large 4 >list.txt
cat >>near/patchferry.toml <<'END'

[[source]]
name  = "publisher"
kind  = "links"
path  = "../list.txt"
hosts = ["127.0.0.1:8531"]
END
patchferry --config near/patchferry.toml --progress json sync 2>&1 | drills watch

## Drill 1: an OSD dies in the middle of a sync.
drills list -set second -small 400 -large 4 >>list.txt
patchferry --config near/patchferry.toml --progress json sync 2>&1 | drills watch >sync.log &
sleep 4
kill -9 "$(cat ceph/pid/osd.1)"
wait $!
cat sync.log
ceph health detail
patchferry --config near/patchferry.toml audit
engines/ceph.sh revive ceph 1

## Two servers that only read.
replica one 8541
replica two 8542
serve one
serve two
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542

## Drill 2: an OSD dies while hosts fetch what no cache has.
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542 -for 40s &
sleep 10
kill -9 "$(cat ceph/pid/osd.2)"
wait $!
engines/ceph.sh revive ceph 2

## Drill 3: a server dies while hosts fetch.
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542 -for 20s &
sleep 7
kill -9 "$(cat two.pid)"
wait $!
serve two
drills load -list list.txt -servers http://127.0.0.1:8542

## Drill 4: the keys of the servers are stolen, and changed while hosts fetch.
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542 -for 20s &
sleep 5
radosgw-admin key create --uid ferry-serve --key-type s3 --access-key ferry-serve-2 --secret "$(openssl rand -hex 20)" >ferry-serve.json
keys ferry-serve-2 "$(jq -r '.keys[] | select(.access_key == "ferry-serve-2").secret_key' ferry-serve.json)"
mv ferry-serve-2.credentials ferry-serve.credentials
radosgw-admin key rm --uid ferry-serve --key-type s3 --access-key ferry-serve >ferry-serve.json
wait $!

## Drill 5: the whole of the storage is away, and comes back.
grep -m 20 'size=1048576 ' list.txt >some.txt
drills load -list some.txt -servers http://127.0.0.1:8541
engines/ceph.sh away ceph
drills load -list some.txt -servers http://127.0.0.1:8541
curl -s http://127.0.0.1:8541/readyz
engines/ceph.sh back ceph
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542

## Drill 6: somebody with the keys of the writer changes one object and deletes another.
changed=$(sed -n '1s/.*sha256=//p' list.txt)
deleted=$(sed -n '2s/.*sha256=//p' list.txt)
head -c 1048576 /dev/zero >zeroes
aws s3api put-object --bucket updates --key "objects/sha256/${changed:0:2}/$changed" --body zeroes
aws s3api delete-object --bucket updates --key "objects/sha256/${deleted:0:2}/$deleted"
replica three 8544
serve three
fails 22 curl -sf -o wrong "http://127.0.0.1:8544/objects/sha256/$changed"
fails 22 curl -sf -o wrong "http://127.0.0.1:8544/objects/sha256/$deleted"
fails 4 patchferry --config near/patchferry.toml audit --remove
patchferry --config near/patchferry.toml sync --recheck
patchferry --config near/patchferry.toml audit
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542

## Drill 7: the bucket is lost.
patchferry --config near/patchferry.toml store migrate "s3://updates?endpoint=$S3&credentials=$PWD/ferry.credentials" copy
drills load -list some.txt -servers http://127.0.0.1:8541
drills load -list some.txt -servers http://127.0.0.1:8542
aws s3 rm --quiet --recursive s3://updates
drills load -list some.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542
patchferry --config near/patchferry.toml store migrate copy "s3://updates?endpoint=$S3&credentials=$PWD/ferry.credentials"
patchferry --config near/patchferry.toml audit
drills load -list list.txt -servers http://127.0.0.1:8541,http://127.0.0.1:8542

## Drill 8: back to a directory, with one line of the configuration.
patchferry --config near/patchferry.toml store migrate "s3://updates?endpoint=$S3&credentials=$PWD/ferry.credentials" near/store
sed -i 's|^store = .*|store = "store"|' near/patchferry.toml
patchferry --config near/patchferry.toml audit
patchferry --config near/patchferry.toml serve --listen 127.0.0.1:8543 >near.log 2>&1 & echo $! >near.pid
sleep 2
drills load -list list.txt -servers http://127.0.0.1:8543
