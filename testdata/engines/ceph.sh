#!/usr/bin/env bash
# A Ceph cluster of one monitor, one manager, three OSDs and one RADOS gateway on
# 127.0.0.1, with three copies of everything, of Debian's packages: radosgw,
# ceph-mon, ceph-osd, ceph-mgr. No root, no service: every process is a child of
# this script and everything lies below DIR, whose path is shorter than 70 bytes,
# as the names of sockets have an end.
#
#     ceph.sh start DIR      prints endpoint, access_key and secret_key; about a minute
#     ceph.sh stop DIR       stops what it started; DIR stays
#     ceph.sh kill DIR N     SIGKILL for OSD N
#     ceph.sh revive DIR N   starts OSD N again
#     ceph.sh away DIR       SIGKILL for the gateway
#     ceph.sh back DIR       starts the gateway again, at the same address
#     ceph.sh ceph DIR …     ceph, of this cluster; likewise: radosgw-admin
set -euo pipefail

verb=${1:?start, stop, kill, revive, away, back, ceph or radosgw-admin} dir=${2:?the folder of the engine}
shift 2
here=$(cd "${BASH_SOURCE%/*}" && pwd)
. "$here/lib.sh"
conf=$dir/ceph.conf

write_conf() {
	local v2 v1 rgw
	read -r v2 v1 rgw < <(free_ports 3 | xargs)
	cat >"$conf" <<-END
		[global]
		fsid = $(cat /proc/sys/kernel/random/uuid)
		mon host = [v2:127.0.0.1:$v2/0,v1:127.0.0.1:$v1/0]
		public addr = 127.0.0.1
		cluster addr = 127.0.0.1
		auth cluster required = cephx
		auth service required = cephx
		auth client required = cephx
		keyring = $dir/keyring
		run dir = $dir/run
		admin socket = $dir/run/\$name.asok
		log file = $dir/log/\$name.log
		osd pool default size = 3
		osd pool default min size = 2
		osd pool default pg num = 8
		osd pool default pg autoscale mode = off
		# One host is three here.
		osd crush chooseleaf type = 0
		mon osd reporter subtree level = osd
		mon max pg per osd = 1000
		mon data avail warn = 1
		mon data avail crit = 0

		[mon]
		mon data = $dir/mon.\$id

		[mgr]
		mgr data = $dir/mgr.\$id
		mgr initial modules =

		[osd]
		osd data = $dir/osd.\$id
		osd objectstore = bluestore
		bluestore block size = 8589934592
		osd memory target = 939524096

		[client.rgw.a]
		rgw data = $dir/rgw.a
		# Without tcp_nodelay every short answer waits 40 ms for the kernel of whoever asked.
		rgw frontends = beast endpoint=127.0.0.1:$rgw tcp_nodelay=1
		# Room comes free within a minute of a deletion, and not after two hours.
		rgw gc obj min wait = 10
		rgw gc processor period = 30
		rgw gc processor max time = 30
	END
	echo "$v2 $v1 $rgw" >"$dir/ports"
}

start_monitor() {
	local v2 v1
	read -r v2 v1 _ <"$dir/ports"
	ceph-authtool -C "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
	ceph-authtool "$dir/keyring" --gen-key -n client.admin \
		--cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' --cap mds 'allow *'
	monmaptool --create --clobber --fsid "$(awk '/^fsid/ { print $3 }' "$conf")" \
		--addv a "[v2:127.0.0.1:$v2,v1:127.0.0.1:$v1]" "$dir/monmap"
	ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/keyring"
	start mon.a ceph-mon -c "$conf" -i a -f
	until_true 60 monitor ceph -c "$conf" --connect-timeout 2 quorum_status
}

# authorise NAME CAPS…: makes a key and keeps it with the others.
authorise() { ceph -c "$conf" auth get-or-create "$@" >>"$dir/keyring"; }

start_osd() { start "osd.$1" ceph-osd -c "$conf" -i "$1" -f; }

osds_up() { [ "$(ceph -c "$conf" osd stat --format json | jq .num_up_osds)" = "$1" ]; }

start_osds() {
	local n uuid
	for n in 0 1 2; do
		uuid=$(cat /proc/sys/kernel/random/uuid)
		ceph -c "$conf" osd new "$uuid" "$n"
		authorise "osd.$n" mon 'allow profile osd' mgr 'allow profile osd' osd 'allow *'
		mkdir -p "$dir/osd.$n"
		ceph-osd -c "$conf" -i "$n" --mkfs --osd-uuid "$uuid"
		start_osd "$n"
	done
	until_true 60 "three OSDs" osds_up 3
}

start_gateway() {
	start rgw.a radosgw -c "$conf" -n client.rgw.a -f
	until_true 120 gateway answers "http://127.0.0.1:$(awk '{ print $3 }' "$dir/ports")/"
}

start_all() {
	local key=patchferry-test secret=patchferry-secret
	local program
	for program in ceph-mon ceph-osd ceph-mgr radosgw; do
		need "$program" "$program"
	done
	need jq jq
	need curl curl
	[ "${#dir}" -lt 70 ] || fail "$dir is too long a path for the names of sockets"
	mkdir -p "$dir"/{run,log,mon.a,mgr.x,rgw.a}
	write_conf
	start_monitor >"$dir/log/setup" 2>&1
	{
		authorise mgr.x mon 'allow profile mgr' osd 'allow *' mds 'allow *'
		start mgr.x ceph-mgr -c "$conf" -i x -f
		start_osds
		authorise client.rgw.a mon 'allow rw' osd 'allow rwx'
		start_gateway
		radosgw-admin -c "$conf" user create --uid patchferry --display-name patchferry --access-key "$key" --secret "$secret"
	} >>"$dir/log/setup" 2>&1 || fail "see $dir/log/setup"
	describe "http://127.0.0.1:$(awk '{ print $3 }' "$dir/ports")" "$key" "$secret"
}

case $verb in
start) start_all ;;
stop) stop_all rgw.a osd.0 osd.1 osd.2 mgr.x mon.a ;;
kill) kill -9 "$(cat "$dir/pid/osd.${1:?which OSD}")" ;;
away) kill -9 "$(cat "$dir/pid/rgw.a")" ;;
back) start_gateway ;;
revive) start_osd "${1:?which OSD}" ;;
ceph) exec ceph -c "$conf" "$@" ;;
radosgw-admin) exec radosgw-admin -c "$conf" "$@" ;;
*) fail "no verb $verb" ;;
esac
