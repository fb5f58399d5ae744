package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// patchferry is the table of docs/house.md. Imports run
// down; mirror and distribute never meet.
func patchferryHouse() *house {
	return &house{
		module: "patchferry",
		roots:  []string{"mirror", "distribute", "verify", "layout", "cmd", "configs", "testdata", "docs", "bin", "dist"},
		rooms: []room{
			{name: "configs"},
			{name: "cmd/...", imports: []string{"cmd/...", "configs", "mirror/...", "distribute/...", "verify/...", "layout/..."}},
			{name: "mirror", imports: []string{"mirror/trusted", "mirror/bundle", "mirror/fill", "mirror/inspect", "verify", "layout/store", "layout/durable", "layout/cab", "layout"}, tests: []string{"mirror/upstream/...", "layout/store/s3/...", "layout/cab/cabtest"}},
			{name: "distribute", imports: []string{"distribute/script", "layout/index", "layout/store", "layout"}, tests: []string{"layout/store/s3/...", "distribute/hosttest"}},
			{name: "distribute/hosttest"},
			{name: "mirror/trusted", imports: []string{"verify", "layout/store", "layout"}, tests: []string{"layout/store/s3/..."}},
			{name: "mirror/upstream/...", imports: []string{"mirror/upstream", "layout/cab", "layout"}},
			{name: "mirror/upstream", imports: []string{"layout/durable", "layout"}, tests: []string{"mirror/upstream/..."}},
			{name: "mirror/upstream/bulletins", imports: []string{"mirror/upstream", "verify/envelope", "layout"}},
			{name: "mirror/fill", imports: []string{"layout/durable", "layout"}},
			{name: "mirror/unlisted", imports: []string{"mirror/fill", "layout/durable", "layout"}, tests: []string{"mirror/upstream/..."}},
			{name: "mirror/bundle", imports: []string{"layout"}, tests: []string{"verify", "layout/store/...", "layout/store"}},
			{name: "mirror/inspect", imports: []string{"layout/cab", "layout"}, tests: []string{"layout/cab/cabtest"}},
			{name: "distribute/script", imports: []string{"layout"}, tests: []string{"distribute/script/winetest"}},
			{name: "distribute/script/winetest"},
			{name: "verify", imports: []string{"verify/envelope", "layout/durable", "layout"}},
			{name: "verify/envelope"},
			{name: "verify/bulletin", imports: []string{"layout"}},
			{name: "layout/index", imports: []string{"layout"}},
			{name: "layout/store", imports: []string{"layout"}, tests: []string{"layout/store/storetest", "layout/store/faulty"}},
			{name: "layout/store/...", imports: []string{"layout/store", "layout"}},
			{name: "layout/store/s3", imports: []string{"layout/store", "layout"}, tests: []string{"layout/store/s3/s3test"}},
			{name: "layout/store/s3/s3test", imports: []string{"layout/store/s3", "layout/store", "layout"}},
			{name: "layout/cab", tests: []string{"layout/cab/cabtest"}},
			{name: "layout/cab/cabtest"},
			{name: "layout/durable"},
			{name: "layout"},
			{name: "testdata/...", imports: []string{"mirror/...", "distribute/...", "verify/...", "layout/..."}},
		},
		owners: map[string][]string{
			"github.com/minio/minio-go":             {"layout/store/s3/...", "testdata/..."},
			"github.com/ProtonMail/go-crypto":       {"verify"},
			"golang.org/x/crypto":                   {"verify"},
			"modernc.org/sqlite":                    {"layout/index"},
			"github.com/hashicorp/go-retryablehttp": {"mirror/upstream"},
			"golang.org/x/time":                     {"mirror/upstream"},
			"golang.org/x/sys":                      {"distribute", "layout/store", "mirror/bundle"},
			"golang.org/x/text":                     {"verify/envelope", "verify/bulletin"},
			"github.com/klauspost/compress":         {"layout", "mirror/bundle", "testdata/..."},
			"github.com/gofrs/flock":                {"layout/store", "layout/store/s3/s3test", "mirror", "mirror/fill", "verify"},
			"github.com/prometheus/client_golang":   {"distribute"},
			"github.com/coreos/go-systemd":          {"distribute"},
			"github.com/pelletier/go-toml":          {"cmd/..."},
			"github.com/spf13/cobra":                {"cmd/..."},
			"github.com/vbauerster/mpb":             {"cmd/..."},
			"github.com/dustin/go-humanize":         {"cmd/...", "distribute"},
			"golang.org/x/term":                     {"cmd/..."},
			"github.com/google/go-cmp":              {"test", "layout/store/storetest", "mirror/upstream/parsetest"},
			"github.com/rogpeppe/go-internal":       {"test"},
			"go.uber.org/goleak":                    {"test"},
			"pgregory.net/rapid":                    {"test"},
		},
		shared:  []string{"golang.org/x/sync/...", "golang.org/x/sys/..."},
		ignored: []string{"testdata/engines/minio", "testdata/tools", "testdata/e2e", "testdata/stubs", "testdata/versitygw"},
		outlets: []string{
			"mirror/upstream/dial.go", "mirror/upstream/client.go", // for near sides alone
			"layout/store/s3/transport.go", // for stores in a bucket alone
			"layout/store/s3/s3test/...",   // the engine of tests, on loopback
			"distribute/hosttest/...",      // hosts of tests, on loopback
			"cmd/patchferry/demo_host.go",  // a host of the LAN, which asks its server on loopback
			"cmd/patchferry/alone.go",      // shuts what the standard library holds open
			"testdata/...",
		},
	}
}

// TestHouse holds the code of the whole module to the table and to the sizes
// and names that docs/house.md asks for.
func TestHouse(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the module's root: %v", err)
	}
	got, err := patchferryHouse().problems(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range got {
		t.Error(p)
	}
}

// TestHouseCheckerFindsProblems breaks every rule once.
func TestHouseCheckerFindsProblems(t *testing.T) {
	long := "package layout\n\nfunc F() {\n" + strings.Repeat("\t_ = 0\n", 59) + "}\n"
	tests := []struct {
		name, file, src, want string
	}{
		{"clean", "layout/a.go", "package layout\n", ""},
		{"import upwards", "layout/a.go", "package layout\n\nimport _ \"patchferry/verify\"\n",
			"layout/a.go:3: layout may not import verify"},
		{"mirror meets distribute", "mirror/a.go", "package mirror\n\nimport _ \"patchferry/distribute\"\n",
			"mirror/a.go:3: mirror may not import"},
		{"package outside of the table", "mirror/new/a.go", "package fresh\n\nimport _ \"patchferry/layout\"\n",
			"mirror/new/a.go:3: package mirror/new is not in the table"},
		{"library of another", "distribute/a.go", "package distribute\n\nimport _ \"github.com/spf13/cobra\"\n",
			"distribute/a.go:3: distribute may not import github.com/spf13/cobra: another package owns it"},
		{"library of nobody", "layout/a.go", "package layout\n\nimport _ \"example.com/new\"\n",
			"layout/a.go:3: example.com/new has no owner"},
		{"library of tests", "layout/a.go", "package layout\n\nimport _ \"go.uber.org/goleak\"\n",
			"layout/a.go:3: layout may not import go.uber.org/goleak"},
		{"library of tests in a test", "layout/a_test.go", "package layout\n\nimport _ \"go.uber.org/goleak\"\n", ""},
		{"suite in a test", "mirror/a_test.go", "package mirror\n\nimport _ \"patchferry/layout/store/storetest\"\n", ""},
		{"suite outside of a test", "mirror/a.go", "package mirror\n\nimport _ \"patchferry/layout/store/storetest\"\n",
			"mirror/a.go:3: mirror may not import"},
		{"root folder", "extra/a.go", "package extra\n", "extra: no such folder belongs at the root"},
		{"package name", "layout/util/a.go", "package util\n", "layout/util/a.go:1: package util"},
		{"init", "layout/a.go", "package layout\n\nfunc init() {}\n", "layout/a.go:3: no init functions"},
		{"long file", "layout/a.go", "package layout\n" + strings.Repeat("\n", 400), "layout/a.go: 401 lines, at most 400"},
		{"long function", "layout/a.go", long, "layout/a.go:3: function F has 61 lines, at most 60"},
		{"dials", "mirror/a.go", "package mirror\n\nimport \"net\"\n\nvar d net.Dialer\n", "mirror/a.go:5: net.Dialer reaches out of this machine"},
		{"asks", "distribute/a.go", "package distribute\n\nimport web \"net/http\"\n\nvar _ = web.Get\n", "distribute/a.go:5: web.Get reaches out"},
		{"listens", "cmd/patchferry/a.go", "package main\n\nimport \"net\"\n\nvar _ = net.Listen\n", ""},
		{"dials where it may", "mirror/upstream/dial.go", "package upstream\n\nimport \"net\"\n\nvar d net.Dialer\n", ""},
		{"unfinished", "layout/a.go", "package layout\n\n// TO" + "DO: later\n", "layout/a.go:3: unfinished work names its issue"},
		{"unfinished with its issue", "layout/a.go", "package layout\n\n// TO" + "DO(issue 7): later\n", ""},
		{"module of its own", "testdata/tools/a.go", "package util\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := patchferryHouse().problems(fstest.MapFS{tt.file: {Data: []byte(tt.src)}})
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if diff := cmp.Diff([]string(nil), got); diff != "" {
					t.Errorf("problems of a clean tree (-want +got):\n%s", diff)
				}
				return
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("got %q, want one that begins with %q", got, tt.want)
			}
		})
	}
}
