package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// peer starts a cache of others in front of an origin, with the settings that
// make it best at this.
type peer func(dir, addr, origin string) (*exec.Cmd, error)

const filePath = "/msdownload/update/file.bin"

// nginxConf is common to both ways of nginx: a lock for each thing that is
// cached, whose holder goes on when its client leaves.
const nginxConf = `daemon off; pid %[1]s/nginx.pid; error_log stderr crit; worker_processes 2; worker_rlimit_nofile 200000;%[5]s
events { worker_connections 20000; }
http {
  access_log off; sendfile on; sendfile_max_chunk 512k; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000;
  types {} default_type application/octet-stream;
  client_body_temp_path %[1]s/t; proxy_temp_path %[1]s/t; fastcgi_temp_path %[1]s/t; uwsgi_temp_path %[1]s/t; scgi_temp_path %[1]s/t;
  proxy_cache_path %[1]s/cache levels=1:2 keys_zone=k:16m max_size=20g inactive=1d use_temp_path=off;
  upstream origin { server %[3]s max_fails=0; keepalive 64; }
  server {
    listen %[2]s backlog=4096;
    proxy_cache k; proxy_cache_lock on; proxy_cache_lock_timeout 1h; proxy_cache_lock_age 1h; proxy_cache_valid 200 206 1d;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $proxy_host; proxy_read_timeout 60s;
    location = /-/ready { proxy_pass http://origin; proxy_cache off; }
    location / { proxy_pass http://origin; %[4]s }
  }
}
`

func nginx(more string) peer {
	return func(dir, addr, origin string) (*exec.Cmd, error) {
		path, err := find("nginx")
		if err != nil {
			return nil, err
		}
		user := ""
		if os.Getuid() == 0 {
			user = " user root;"
		}
		conf := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf(nginxConf, dir, addr, origin, more, user)
		return exec.Command(path, "-e", "stderr", "-c", conf), os.WriteFile(conf, []byte(text), 0o644)
	}
}

// vcl streams to all while the file comes, and keeps one object for all queries.
const vcl = `vcl 4.1;
backend origin { .host = "%[1]s"; .port = "%[2]s"; .first_byte_timeout = 60s; .between_bytes_timeout = 60s; }
sub vcl_recv { if (req.url == "/-/ready") { return (pass); } return (hash); }
sub vcl_hash { hash_data(regsub(req.url, "\?.*", "")); return (lookup); }
sub vcl_backend_response { set beresp.do_stream = true; set beresp.ttl = 1d; set beresp.grace = 1h; }
`

func varnish(dir, addr, origin string) (*exec.Cmd, error) {
	path, err := find("varnishd")
	if err != nil {
		return nil, err
	}
	host, port := split(origin)
	conf := filepath.Join(dir, "default.vcl")
	cmd := exec.Command(path, "-F", "-j", "none", "-a", addr, "-f", conf, "-n", dir, "-s", "malloc,2g", "-T", "none", "-l", "8m",
		"-p", "thread_pool_min=400", "-p", "thread_pool_max=2000", "-p", "workspace_client=64k")
	return cmd, os.WriteFile(conf, fmt.Appendf(nil, vcl, host, port), 0o644)
}

// squidConf joins those who ask for the same, fetches whole files whatever range
// is asked for, and goes on when the client leaves.
const squidConf = `http_port %[2]s accel defaultsite=origin no-vhost
cache_peer %[3]s parent %[4]s 0 no-query no-digest originserver name=origin connect-fail-limit=1000
http_access allow all
cache_peer_access origin allow all
never_direct allow all
collapsed_forwarding on
range_offset_limit none
quick_abort_min -1 KB
maximum_object_size 5 GB
maximum_object_size_in_memory 512 KB
cache_mem 64 MB
cache_dir aufs %[1]s/cache 4096 16 16
refresh_pattern . 1440 100%% 1440
access_log none
cache_log %[1]s/cache.log
cache_store_log none
pid_filename %[1]s/squid.pid
coredump_dir %[1]s
shutdown_lifetime 0 seconds
max_filedescriptors 65536
workers 1
pinger_enable off
cache_effective_user %[5]s
`

func squid(dir, addr, origin string) (*exec.Cmd, error) {
	path, err := find("squid")
	if err != nil {
		return nil, err
	}
	user := "root"
	if os.Getuid() == 0 {
		user = "proxy" // it gives up root whatever one asks for
	}
	for name := dir; len(name) > len(os.TempDir()); name = filepath.Dir(name) {
		if err := os.Chmod(name, 0o777); err != nil {
			return nil, err
		}
	}
	host, port := split(origin)
	conf := filepath.Join(dir, "squid.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, squidConf, dir, addr, host, port, user), 0o644); err != nil {
		return nil, err
	}
	name := "-n" + filepath.Base(filepath.Dir(dir))[len(rootPrefix):] + filepath.Base(dir)
	if out, err := exec.Command(path, name, "-N", "-f", conf, "-z").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make squid's folders: %w: %s", err, out)
	}
	return exec.Command(path, name, "-N", "-f", conf), nil
}

// trafficConf are the four settings without which nobody reads what another one
// is still writing, and what a reverse proxy needs.
const trafficConf = `CONFIG proxy.config.http.server_ports STRING %[2]s:ip-in=127.0.0.1
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
CONFIG proxy.config.cache.max_doc_size INT 0
CONFIG proxy.config.cache.read_while_writer.max_retries INT 1000
CONFIG proxy.config.cache.read_while_writer_retry.delay INT 50
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.http.cache.max_open_read_retries INT 500
CONFIG proxy.config.http.cache.open_write_fail_action INT 5
CONFIG proxy.config.http.cache.required_headers INT 0
CONFIG proxy.config.http.cache.range.write INT 0
CONFIG proxy.config.cache.ram_cache.size INT 67108864
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.exec_thread.autoconfig INT 1
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.diags.output.diag STRING E
CONFIG proxy.config.diags.output.status STRING E
CONFIG proxy.config.diags.output.note STRING E
`

// runRoot says where Traffic Server finds what, as Debian has it but for what is
// of this run alone.
const runRoot = `prefix: /usr
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: %[1]s
datadir: /usr/share/trafficserver
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: %[1]s/run
runtimedir: %[1]s/run
logdir: %[1]s/logs
cachedir: %[1]s/cache
`

func traffic(dir, addr, origin string) (*exec.Cmd, error) {
	path, err := find("traffic_server")
	if err != nil {
		return nil, err
	}
	_, port := split(addr)
	for name, text := range map[string]string{
		"records.config": fmt.Sprintf(trafficConf, dir, port),
		"remap.config":   "map / http://" + origin + "/ @plugin=cachekey.so @pparam=--remove-all-params=true\n",
		"storage.config": dir + "/cache 2G\n",
		"cache.config":   "dest_ip=0.0.0.0-255.255.255.255 ttl-in-cache=1d\n",
		"plugin.config":  "",
		"runroot.yaml":   fmt.Sprintf(runRoot, dir),
		"ip_allow.yaml":  "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	for _, name := range [...]string{"cache", "run", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	return exec.Command(path, "--run-root="+dir+"/runroot.yaml"), nil
}

// started runs a peer as a contender.
func (p peer) started(name string) func(context.Context, *bench, string) (*process, string, error) {
	return func(ctx context.Context, b *bench, dir string) (*process, string, error) {
		addr, err := freeAddr()
		if err != nil {
			return nil, "", err
		}
		cmd, err := p(dir, addr, b.origin.addr)
		if err != nil {
			return nil, "", err
		}
		proc, err := launch(ctx, name, dir, cmd)
		if err != nil {
			return nil, "", err
		}
		proc.addr = addr
		if err := proc.await(ctx, readyPath); err != nil {
			proc.stop()
			return nil, "", err
		}
		return proc, filePath, nil
	}
}
