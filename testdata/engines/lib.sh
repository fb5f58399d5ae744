# What the scripts of the engines share: free ports, processes that are stopped
# by their id, waiting. Source it in bash with "dir" set to the engine's folder,
# which it makes; everything that an engine writes lies below it.
#
#     dir/pid/NAME   the id of a process that was started here
#     dir/log/NAME   what it said
#     dir/engine     NAME=VALUE lines: endpoint, access_key, secret_key

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
	say "$*"
	exit 1
}

# need PROGRAM PACKAGE: ends in status 3, by which callers know that the engine
# cannot be had here.
need() {
	command -v "$1" >/dev/null && return 0
	say "needs $1 (Debian: $2)"
	exit 3
}

# free_ports N: as many ports of 127.0.0.1 that nobody listens on, from below the
# range that the kernel hands out by itself.
free_ports() {
	local port count=0
	while [ "$count" -lt "$1" ]; do
		port=$((20000 + RANDOM % 12000))
		if ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "$port"
			count=$((count + 1))
		fi
	done
}

# start NAME COMMAND…: runs a process that outlives this script.
start() {
	local name=$1
	shift
	mkdir -p "$dir/pid" "$dir/log"
	setsid "$@" >>"$dir/log/$name" 2>&1 </dev/null &
	echo $! >"$dir/pid/$name"
}

# alive PID: the process runs, and did not merely leave its id behind.
alive() {
	local state
	state=$(ps -o stat= -p "$1") && [ "${state#Z}" = "$state" ]
}

# stop NAME: asks it to end, for ten seconds, and then ends it.
stop() {
	local pid try
	[ -f "$dir/pid/$1" ] || return 0
	pid=$(cat "$dir/pid/$1")
	rm -f "$dir/pid/$1"
	kill "$pid" 2>/dev/null || return 0
	for try in $(seq 100); do
		alive "$pid" || return 0
		sleep 0.1
	done
	kill -9 "$pid" 2>/dev/null || true
}

# stop_all NAME…: those first, in this order, then whatever else runs.
stop_all() {
	local name
	for name in "$@"; do
		stop "$name"
	done
	for name in "$dir"/pid/*; do
		[ -f "$name" ] && stop "${name##*/}"
	done
	return 0
}

# until_true SECONDS WHAT COMMAND…: tries five times a second.
until_true() {
	local seconds=$1 what=$2 try
	shift 2
	for try in $(seq $((seconds * 5))); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	tail -n 5 "$dir"/log/* >&2 || true
	fail "no $what after $seconds seconds"
}

# answers URL: somebody speaks HTTP there, whatever it says.
answers() { curl -s -o /dev/null --max-time 2 "$1"; }

# describe ENDPOINT KEY SECRET: leaves what a client needs to know.
describe() {
	printf 'endpoint=%s\naccess_key=%s\nsecret_key=%s\n' "$1" "$2" "$3" >"$dir/engine"
	cat "$dir/engine"
}
