package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/cmd/patchferry/internal/config"
)

// TestLoadRefuses names, for everything that is wrong, its key, its line and
// what is allowed.
func TestLoadRefuses(t *testing.T) {
	const far = "role = \"far\"\nname = \"plant\"\n"
	const source = "[[source]]\nname = \"a\"\nkind = \"links\"\npath = \"a\"\n"
	const bulletins = "[[source]]\nname = \"a\"\nkind = \"bulletins\"\npath = \"a\"\n"
	tests := []struct {
		name, content string
		line          int
		key, problem  string
	}{
		{"role", `role = "middle"`, 1, "role", `"middle" is not allowed; allowed: near, far`},
		{"progress", "\nprogress = \"much\"", 2, "progress", "allowed: auto, bar, lines, json, none"},
		{"log level", "[log]\nlevel = \"all\"", 2, "log.level", "allowed: debug, info, warn, error"},
		{"log format", "log.format = \"xml\"", 1, "log.format", "allowed: auto, text, json"},
		{"date", "[select]\nsince = \"last year\"", 2, "select.since", "allowed: YYYY-MM-DD"},
		{"language", "select.languages = [\"EN\", \"XQ\"]", 1, "select.languages", `"XQ" is no language; did you mean`},
		{"all languages", "select.languages = [\"ALL\"]", 1, "select.languages", `"ALL" is no language`},
		{"system", "[select]\nos = [\"windwsxp\"]", 2, "select.os", "did you mean windowsxp?"},
		{"architecture", "[select]\narch = [\"m68k\"]", 2, "select.arch", "allowed: x86, x64"},
		{"classification", "[select]\nclassifications = [\"nice\"]", 2, "select.classifications", "allowed: security_update"},
		{"pattern", "[select]\nexclude = [\"[\"]", 2, "select.exclude", ""},
		{"empty language", "[select]\nlanguages = [\"EN\", \"\"]", 2, "select.languages", `"" is no language`},
		{"window in a list", "[fetch]\nwindows = [\"22:00-06:00\", \"night\"]", 2, "fetch.windows", "HH:MM-HH:MM"},
		{"severity", "[select]\nseverities = [\"bad\"]", 2, "select.severities", "allowed: Critical, Important, Moderate, Low"},
		{"pattern of a product", "[select]\nproducts = [\"[\"]", 2, "select.products", ""},
		{"fill", source + "fill = \"never\"\n", 5, "source[0].fill", "allowed: all, on-demand"},
		{"fill of bulletins", bulletins + "fill = \"on-demand\"\n", 5, "source[0].fill", "means nothing"},
		{"mode of fills", "[fill]\nmode = \"fast\"\n", 2, "fill.mode", "allowed: stream, verified, off"},
		{"no patience", "[fill]\npatience = \"0s\"\n", 2, "fill.patience", "more than 0"},
		{"no end of idling", "[fill]\nidle = \"0s\"\n", 2, "fill.idle", "more than 0"},
		{"parts of a fill", "[fill]\nparts = 0\n", 2, "fill.parts", "allowed: 1 to 256"},
		{"fills on a far side", far + "[fill]\nmode = \"stream\"\n", 4, "fill.mode", "a far side fetches nothing"},
		{"rule for nothing", source + "[[prefetch]]\nos = [\"windowsxp\"]\n", 5, "prefetch[0]", "all files are fetched anyway"},
		{"rule for all", source + "fill = \"on-demand\"\n[[prefetch]]\nsources = [\"a\"]\n", 6, "prefetch[0]", "selects everything"},
		{"rule of nobody", source + "fill = \"on-demand\"\n[[prefetch]]\nsources = [\"b\"]\nos = [\"windowsxp\"]\n", 7, "prefetch[0].sources", "allowed: names of sources"},
		{"word of a rule", source + "fill = \"on-demand\"\n[[prefetch]]\nos = [\"windwsxp\"]\n", 7, "prefetch[0].os", "did you mean windowsxp?"},
		{"pattern of a rule", source + "fill = \"on-demand\"\n[[prefetch]]\nexclude = [\"[\"]\n", 7, "prefetch[0].exclude", ""},
		{"unlisted origin with a path", "[unlisted]\norigins = [\"a.example/x\"]", 2, "unlisted.origins", "host:port without scheme"},
		{"unlisted pattern", "[unlisted]\nchanging = [\"[\"]", 2, "unlisted.changing", "a file name with *"},
		{"unlisted without room", "[unlisted]\nquota = \"0B\"", 2, "unlisted.quota", "more than 0"},
		{"unlisted asked each time", "[unlisted]\nrevalidate = \"0s\"", 2, "unlisted.revalidate", "more than 0"},
		{"unlisted, far", far + "[unlisted]\norigins = [\"a.example\"]", 4, "unlisted.origins", "a far side asks nobody"},
		{"reports from a host", "[reports]\nfrom = [\"10.0.0.1/8\"]", 2, "reports.from", "not a network"},
		{"reports from nowhere", "[reports]\naccept = true\nfrom = []", 3, "reports.from", "nobody could report"},
		{"reports without room", "[reports]\nmax_size = \"0B\"", 2, "reports.max_size", "more than 0"},
		{"reports for an hour", "[reports]\nkeep = \"1h\"", 2, "reports.keep", "a day or more"},
		{"hosts silent for too long", "[reports]\nsilent = \"91d\"", 2, "reports.silent", "longer than keep"},
		{"reports dropped on themselves", "[reports]\ndrop = \"work/reports/\"", 2, "reports.drop", "name another"},
		{"reports read twice", "[reports]\nalso = [\"x\", \"work/reports\"]", 2, "reports.also", "name another"},
		{"days in the wrong order", "[select]\nsince = \"2004-01-02\"\nuntil = \"2004-01-01\"", 3, "select.until", "lies before since"},
		{"connections", "[fetch]\nconnections = 0", 2, "fetch.connections", "allowed: 1 to 256"},
		{"stall", "fetch.stall = \"0s\"", 1, "fetch.stall", "more than 0"},
		{"proxy", "fetch.proxy = \"proxy:3128\"", 1, "fetch.proxy", "not a URL"},
		{"listen", "listen = \"8530\"", 1, "listen", "not host:port"},
		{"listen on a name, far", "role = \"far\"\nname = \"plant\"\nlisten = \"localhost:8530\"", 3, "listen", "a far side looks up no names"},
		{"port", "listen = \":99999\"", 1, "listen", "allowed: 0 to 65535"},
		{"store of nobody", "store = \"ftp://x/y\"", 1, "store", "no store has the scheme"},
		{"bucket without an endpoint", "store = \"s3://updates\"", 1, "store", "no endpoint is given"},
		{"bucket without a name", "store = \"s3:///a?endpoint=https://10.0.0.1\"", 1, "store", "it names no bucket"},
		{"keys in the URL of a bucket", "store = \"s3://id:secret@updates?endpoint=https://10.0.0.1\"", 1, "store", "credentials=FILE"},
		{"key as a parameter", "store = \"s3://updates?endpoint=https://10.0.0.1&key=secret\"", 1, "store", "\"key\" is no parameter"},
		{"keys in an endpoint", "store = \"s3://updates?endpoint=https://id:secret@10.0.0.1\"", 1, "store", "keys do not belong in the endpoint"},
		{"keys and a broken URL", "store = \"s3://id:secret@updates?%zz\"", 1, "store", "keys do not belong in it"},
		{"name of an engine, far", far + "store = \"s3://updates?endpoint=https://s3.example.net\"", 3, "store", "a loopback or private address"},
		{"public engine, far", far + "store = \"s3://updates?endpoint=https://192.0.2.7:9000\"", 3, "store", "a loopback or private address"},
		{"address of metadata, far", far + "store = \"s3://updates?endpoint=http://169.254.169.254\"", 3, "store", "a loopback or private address"},
		{"bucket as a name, far", far + "store = \"s3://updates?endpoint=https://10.0.0.1&style=host\"", 3, "store", "style=path"},
		{"credentials of an instance, far", far + "store = \"s3://updates?endpoint=https://10.0.0.1&instance=true\"", 3, "store", "asks nobody"},
		{"file URL with a host", "store = \"file://var/lib\"", 1, "store", "three slashes"},
		{"no work directory", "work = \"\"", 1, "work", "must name a directory"},
		{"key without certificate", "[tls]\nkey = \"k.pem\"", 1, "tls", "go together"},
		{"name of a source", strings.Replace(source, `"a"`, `"Ä"`, 1), 2, "source[0].name", "lower-case letters"},
		{"same name twice", source + source, 6, "source[1].name", "source[0] has this name"},
		{"kind of a source", strings.Replace(source, "links", "zip", 1), 3, "source[0].kind", "allowed: links, metalink, updates"},
		{"no kind", "[[source]]\nname = \"a\"\npath = \"a\"", 1, "source[0].kind", "is missing"},
		{"trust", source + "trust = \"blind\"", 5, "source[0].trust", "allowed: first-use, capture"},
		{"scheme of a source", "[[source]]\nname = \"a\"\nkind = \"links\"\nurl = \"ftp://h/a\"", 4, "source[0].url", "https://host/path"},
		{"password in a URL", "[[source]]\nname = \"a\"\nkind = \"links\"\nurl = \"https://u:secret@h/a\"", 4, "source[0].url", "does not belong into a URL"},
		{"port of a host", source + "hosts = [\"h:http\"]", 5, "source[0].hosts", "not a host"},
		{"selection of a source", source + "[source.select]\nsince = \"never\"", 6, "source[0].select.since", "YYYY-MM-DD"},
		{"trust of bulletins", bulletins + "trust = \"first-use\"", 5, "source[0].trust", "counts by its signature"},
		{"selection of bulletins", bulletins + "[source.select]\nos = [\"windowsxp\"]", 6, "source[0].select.os", "every bulletin is kept"},
		{"several places of advisories", "[[source]]\nname = \"a\"\nkind = \"csaf\"\nurls = [\"https://h/a\"]", 4, "source[0].urls", "means nothing for kind = \"csaf\""},
		{"several places of a list", source + "urls = [\"https://h/a\"]", 5, "source[0].urls", "means nothing for kind = \"links\""},
		{"unsigned list", source + "signed = false", 5, "source[0].signed", "means nothing for kind = \"links\""},
		{"profile of a list", source + "profile = \"csaf\"", 5, "source[0].profile", "means nothing for kind = \"links\""},
		{"profile of ours", bulletins + "profile = \"bundle\"", 5, "source[0].profile", "allowed: csaf, historical"},
		{"unknown profile", bulletins + "profile = \"lax\"", 5, "source[0].profile", "allowed: csaf, historical"},
		{"profile of what is unsigned", bulletins + "signed = false\nprofile = \"csaf\"", 6, "source[0].profile", "nothing to judge"},
		{"bulletins nowhere", "[[source]]\nname = \"a\"\nkind = \"bulletins\"", 1, "source[0].url", "a source has a url, urls or a path"},
		{"bulletins here and there", bulletins + "urls = [\"https://h/a\"]", 4, "source[0].path", "stands beside urls"},
		{"one place and several", "[[source]]\nname = \"a\"\nkind = \"bulletins\"\nurl = \"https://h/a\"\nurls = [\"https://h/b\"]", 5, "source[0].urls", "stands beside url"},
		{"same place twice", "[[source]]\nname = \"a\"\nkind = \"bulletins\"\nurls = [\"https://h/a\", \"https://h/a\"]", 4, "source[0].urls", "stands twice"},
		{"one bad place", "[[source]]\nname = \"a\"\nkind = \"bulletins\"\nurls = [\"https://h/a\", \"mailto:a@h\"]", 4, "source[0].urls", "not a URL"},
		{"term", "[deadlines]\ncritical = { within = \"36h\" }", 2, "deadlines.critical.within", "not a term"},
		{"term of years", "[deadlines.low]\ntested = \"1y\"", 2, "deadlines.low.tested", "allowed: for example 24h, 14d, 2w, 4mo"},
		{"testing takes no time", "[deadlines]\nimportant = { within = \"1mo\", tested = \"2w\" }", 2, "deadlines.important.tested", "shorter than within = \"1mo\""},
		{"severity", "[deadlines]\ncritcal = { within = \"24h\" }", 2, "deadlines.critcal", "did you mean deadlines.critical"},
		{"hook that hangs", "[hooks]\ntimeout = \"0s\"", 2, "hooks.timeout", "more than 0"},
		{"arguments of no hook", "[hooks]\non_publish = [\"\", \"-v\"]", 2, "hooks.on_publish", "the first word is empty"},
		{"no ring", "[rings]\nnames = []", 2, "rings.names", "allowed: 1 to 8 names"},
		{"name of a ring", "[rings]\nnames = [\"Test\"]", 2, "rings.names", "lower-case letters"},
		{"ring twice", "[rings]\nnames = [\"a\", \"a\"]", 2, "rings.names", "stands there twice"},
		{"land nowhere", "[rings]\nland = \"a\"", 2, "rings.land", "allowed: test, pilot, production"},
		{"base with a variable", "[install]\nbases = [\"http://server/%PATH%\"]", 2, "install.bases", "allowed: \\\\server"},
		{"base of a drive", "[install]\nbases = ['C:\\tree']", 2, "install.bases", "allowed: \\\\server"},
		{"override of nothing", "[[override]]\nskip = true", 1, "override[0]", "match is empty"},
		{"override without effect", "[[override]]\nmatch = \"KB824146\"", 1, "override[0]", "changes nothing"},
		{"kind of an override", "[[override]]\nmatch = \"KB824146\"\nkind = \"zip\"", 1, "override[0]", "none that scripts run"},
		{"switch of an override", "[[override]]\nmatch = \"KB824146\"\nswitches = [\"/q & del\"]", 1, "override[0]", "cannot stand in a script"},
		{"code of an override", "[[override]]\nmatch = \"KB824146\"\ncodes = { \"0xBC2\" = \"reboot\" }", 3, "override[0].codes", "no exit code"},
		{"meaning of a code", "[[override]]\nmatch = \"KB824146\"\ncodes = { \"3010\" = \"restart\" }", 3, "override[0].codes", "allowed: ok, reboot"},
		{"pattern of an override", "[[override]]\nmatch = \"[\"\nskip = true", 1, "override[0]", ""},
		{"not TOML", "role = \n", 1, "", ""},
		{"key twice", "role = \"near\"\nrole = \"near\"", 2, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "patchferry.toml")
			if err := os.WriteFile(name, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(config.Request{File: name, Dir: t.TempDir()})
			var got *config.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a *config.Error", err)
			}
			if got.File != name || got.Line != tt.line || tt.key != "" && got.Key != tt.key {
				t.Errorf("got %s line %d key %s, want line %d key %s", got.File, got.Line, got.Key, tt.line, tt.key)
			}
			if !strings.Contains(got.Problem, tt.problem) {
				t.Errorf("got %q, want %q in it", got.Problem, tt.problem)
			}
			if secret := strings.Contains(tt.content, "secret"); secret == (got.Context != "") {
				t.Errorf("the place is not drawn, or a password is: %q", got.Context)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v shows a password", err)
			}
		})
	}
}

func TestLoadReportsEverythingAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "patchferry.toml")
	content := "listen = \"x\"\nstore = \"s3://b\"\n[[source]]\n"
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.Request{File: name, Dir: t.TempDir(), Env: []string{"PATCHFERRY_FETCH_PER_HOST=0"}})
	for _, want := range []string{"listen = ", "store = ", "source[0].name", "source[0].kind", "source[0].url",
		"PATCHFERRY_FETCH_PER_HOST: fetch.per_host = 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
