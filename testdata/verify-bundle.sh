#!/bin/sh
# Verifies a whole transfer bundle (docs/bundle-format.md) without patchferry:
#
#     verify-bundle.sh KEY.asc DIR
#
# KEY.asc is the origin's public key, come by another way than the medium; DIR
# holds the volumes. What is behind the lists it does not look at: whether catalog
# and bulletins say what they should, and whether a bundle is the next one and for
# whoever runs this, is for import. Needs gpg, jq, zstd and coreutils. Prints "good" and ends
# in 0, or says what is wrong and ends in 1.
set -eu
export LC_ALL=C

key=$1
dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	printf 'refused: %s\n' "$1"
	exit 1
}

digest() { sha256sum <"$1" | cut -c 1-64; }
size() { wc -c <"$1" | tr -d ' '; }
is() { # FILE SHA256 SIZE: the file has these
	if [ ! -f "$1" ] || [ -h "$1" ]; then fail "$1 is no file"; fi
	[ "$(size "$1")" = "$3" ] || fail "$1 has another size"
	[ "$(digest "$1")" = "$2" ] || fail "$1 has other bytes"
}

# Signatures first. gpg answers with an error as soon as one of several is not
# known, so what counts is a VALIDSIG of the key that was given.
mkdir -m 700 "$work/home"
pgp() { gpg --homedir "$work/home" --batch --quiet --no-tty --trust-model always "$@" 2>/dev/null; }
pgp --import "$key"
fingerprint=$(pgp --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }')
signed() {
	pgp --status-fd 1 --verify "$1.asc" "$1" >"$work/status" || true
	grep -q "^\[GNUPG:\] BADSIG " "$work/status" && fail "$1 has a bad signature"
	grep "^\[GNUPG:\] VALIDSIG " "$work/status" | grep -q " $fingerprint\$" || fail "$1 is not signed by $fingerprint"
}

first=
for volume in "$dir"/vol-*; do
	signed "$volume/HEADER.json"
	[ -n "$first" ] || first=$volume
	cmp -s "$first/HEADER.json" "$volume/HEADER.json" || fail "$volume belongs to another bundle"
done
[ -n "$first" ] || fail "there is no volume"
header=$first/HEADER.json
get() { jq -r "$1" "$header"; }

[ "$(get .format)" = patchferry-bundle ] || fail "not a transfer bundle"
[ "$(get .min_reader)" = 1 ] || fail "needs a newer reader"
[ "$(get '.version >= 1')" = true ] || fail "has a version that there never was"
[ -z "$(jq -c --stream 'select(length == 2)[0]' "$header" | sort | uniq -d)" ] || fail "$header says something twice"
[ "$(get '(.critical // []) | length')" = 0 ] || fail "has critical members that this script does not know"
count=$(get '.volumes | length')

# Each volume: the list that the header names, each file that it names, and
# nothing else.
for index in $(seq "$count"); do
	name=$(printf 'vol-%03d-of-%03d' "$index" "$count")
	volume=$dir/$name
	[ -d "$volume" ] || fail "volume $index is not here"
	list=$volume/VOLUME.jsonl
	[ "$(digest "$list")" = "$(get ".volumes[$index - 1].volume_sha256")" ] || fail "$list has other bytes"
	[ "$(jq -s length "$list")" = "$(get ".volumes[$index - 1].files")" ] || fail "$list has another number of files"
	[ "$(jq -s 'map(.size) | add' "$list")" = "$(get ".volumes[$index - 1].bytes")" ] || fail "$list has other sizes"
	jq -r '"\(.sha256) \(.size) \(.path)"' "$list" >"$work/lines"
	while read -r sum bytes path; do
		is "$volume/$path" "$sum" "$bytes"
	done <"$work/lines"
	{
		printf '%s\n' HEADER.json HEADER.json.asc VOLUME.jsonl
		[ "$index" -gt 1 ] || printf '%s\n' catalog/generation.json.asc
		jq -r .path "$list"
	} | sort >"$work/named"
	(cd "$volume" && find . ! -type d | cut -c 3- | sort) >"$work/found"
	cmp -s "$work/named" "$work/found" || fail "$volume has other files than it names: $(comm -3 "$work/named" "$work/found" | tr -d '\t' | head -n 1)"
	(cd "$volume" && sha256sum --check --quiet SHA256SUMS) >/dev/null || fail "$volume/SHA256SUMS is wrong"
done

# Volume 1: generation and lists.
catalog=$first/catalog
signed "$catalog/generation.json"
is "$catalog/generation.json" "$(get .generation.sha256)" "$(get .generation.size)"
is "$catalog/entries.jsonl.zst" "$(get .entries.sha256)" "$(get .entries.size)"
is "$catalog/requires.txt.zst" "$(get .requires.sha256)" "$(get .requires.size)"
[ "$(jq -r .state_root "$catalog/generation.json")" = "$(get .state_root)" ] || fail "the generation has another state root"
zstd -qdc "$catalog/entries.jsonl.zst" >"$work/entries"
zstd -qdc "$catalog/requires.txt.zst" >"$work/requires"
[ "$(wc -l <"$work/entries" | tr -d ' ')" = "$(get .entries.count)" ] || fail "entries has another number of lines"
[ "$(wc -l <"$work/requires" | tr -d ' ')" = "$(get .requires.count)" ] || fail "requires has another number of lines"
[ "$(jq -s 'map(.size) | add // 0' "$work/entries")" = "$(get '.entries.bytes // 0')" ] || fail "entries has other sizes"
[ "$(awk '{ n += $2 } END { printf "%.0f", n }' "$work/requires")" = "$(get '.requires.bytes // 0')" ] || fail "requires has other sizes"

# Shipped and required together are what the generation refers to.
jq -r '"\(.sha256) \(.size)"' "$work/entries" | sort - "$work/requires" >"$work/all"
[ "$(digest "$work/all")" = "$(get .state_root)" ] || fail "shipped and required are not what the state root names"

# Each object: whole, or joined from its segments.
jq -r 'select(.segments | not) | "\(.sha256) \(.size) \(.volume) \(.path)"' "$work/entries" >"$work/lines"
while read -r sum bytes index path; do
	is "$dir/$(printf 'vol-%03d-of-%03d' "$index" "$count")/$path" "$sum" "$bytes"
done <"$work/lines"
jq -r 'select(.segments) | .sha256 as $sum | .size as $size | .segments[] | "\($sum) \($size) \(.volume) \(.path) \(.sha256) \(.size)"' "$work/entries" >"$work/lines"
while read -r sum bytes index path part length; do
	piece=$dir/$(printf 'vol-%03d-of-%03d' "$index" "$count")/$path
	is "$piece" "$part" "$length"
	cat "$piece" >>"$work/$sum"
	[ "$(size "$work/$sum")" != "$bytes" ] || is "$work/$sum" "$sum" "$bytes"
done <"$work/lines"
for joined in $(cut -d ' ' -f 1,2 "$work/lines" | sort -u | tr ' ' :); do
	is "$work/${joined%%:*}" "${joined%%:*}" "${joined##*:}"
done
echo good
