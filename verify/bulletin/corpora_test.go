package bulletin_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/verify/bulletin"
)

// signed returns the real documents beside the project that match the pattern,
// by name, or skips.
func signed(t *testing.T, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corpora(t), "signed", filepath.FromSlash(pattern)))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s in the corpora: %v", pattern, err)
	}
	all := make(map[string]string)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}

// corpora returns the folder of real data beside a parent of the test.
func corpora(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("PATCHFERRY_CORPORA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		found := filepath.Join(dir, "shared", "corpora")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
		t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
	}
	t.Skip("SKIP: needs the corpora")
	return ""
}

// TestCorporaCSAF compares every CSAF document with its JSON, read without the
// types of the package.
func TestCorporaCSAF(t *testing.T) {
	documents := 0
	for _, pattern := range []string{"cisa-csaf/*.json", "cisa-csaf-mirror-bad/*.json", "schwarz-csaf/schwarz*.json", "csaf-action-test/*.json"} {
		for name, text := range signed(t, pattern) {
			documents++
			t.Run(name, func(t *testing.T) {
				got, err := bulletin.Parse(text)
				if err != nil || len(got) != 1 {
					t.Fatalf("got %d bulletins, %v", len(got), err)
				}
				check(t, got)
				var doc any
				if err := json.Unmarshal([]byte(text), &doc); err != nil {
					t.Fatal(err)
				}
				b := got[0]
				initial, current := at(doc, "document", "tracking", "initial_release_date"), at(doc, "document", "tracking", "current_release_date")
				same(t, "name", b.Name, at(doc, "document", "tracking", "id"))
				same(t, "revision", b.Revision, at(doc, "document", "tracking", "version"))
				same(t, "title", b.Title, strings.Join(strings.Fields(at(doc, "document", "title")), " "))
				same(t, "released", string(b.Released), initial[:10])
				if current[:10] != initial[:10] {
					same(t, "revised", string(b.Revised), current[:10])
				}
				if want := cvesOf(doc); !slices.Equal(b.CVEs, want) {
					t.Errorf("CVEs %v, want %v", b.CVEs, want)
				}
				if want := scored(doc); b.Severity != want {
					t.Errorf("severity %q, want %q", b.Severity, want)
				}
				if named := strings.Contains(text, `"full_product_name`) || strings.Contains(text, `"product":`); named != (len(b.Products) > 0) {
					t.Errorf("got %d products, the document names some: %t", len(b.Products), named)
				}
				if len(b.KBs) > 0 {
					t.Errorf("KBs %v in a document that is not Microsoft's", b.KBs)
				}
			})
		}
	}
	if documents != 15 {
		t.Errorf("got %d documents, want 15", documents)
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

// at returns the text at a path of members, or nothing.
func at(v any, path ...string) string {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	s, _ := v.(string)
	return s
}

func vulnerabilities(doc any) []any {
	all, _ := doc.(map[string]any)["vulnerabilities"].([]any)
	return all
}

func cvesOf(doc any) []string {
	var all []string
	for _, v := range vulnerabilities(doc) {
		all = append(all, at(v, "cve"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// scored returns the worst CVSS 3 rating in MSRC's words.
func scored(doc any) layout.Severity {
	words := map[string]layout.Severity{"CRITICAL": layout.Critical, "HIGH": layout.Important, "MEDIUM": layout.Moderate, "LOW": layout.Low}
	var worst layout.Severity
	for _, v := range vulnerabilities(doc) {
		scores, _ := v.(map[string]any)["scores"].([]any)
		for _, s := range scores {
			if found := words[at(s, "cvss_v3", "baseSeverity")]; found.Rank() < worst.Rank() {
				worst = found
			}
		}
	}
	return worst
}

// TestCorporaFreeBSD reads all advisories and compares what the lines say that
// a search finds.
func TestCorporaFreeBSD(t *testing.T) {
	for file, text := range signed(t, "freebsd/advisories/*.asc") {
		t.Run(file, func(t *testing.T) {
			block := blocks(text)
			if len(block) == 0 {
				block = []string{text} // one of them has lost its frame
			}
			got, err := bulletin.Parse(block[0])
			if err != nil || len(got) != 1 {
				t.Fatalf("got %d bulletins, %v", len(got), err)
			}
			check(t, got)
			b := got[0]
			// FreeBSD-SA-03-01.cvs.asc is FreeBSD-SA-03:01.cvs; the oldest have
			// no module in the text.
			want := strings.TrimSuffix(file, ".asc")
			want = want[:13] + ":" + want[14:]
			if b.Name != want && !strings.HasPrefix(want, b.Name+".") {
				t.Errorf("name %q, want %q", b.Name, want)
			}
			same(t, "released", string(b.Released), after(block[0], "Announced:"))
			if topic := after(block[0], "Topic:"); !strings.HasPrefix(b.Title, topic) || topic == "" {
				t.Errorf("title %q does not begin with %q", b.Title, topic)
			}
			for _, cve := range b.CVEs {
				if !strings.Contains(text, strings.TrimPrefix(cve, "CVE")) {
					t.Errorf("%s is not in the text", cve)
				}
			}
			if strings.Contains(file, "-SA-") && len(b.Products) == 0 {
				t.Error("no products")
			}
		})
	}
}

// after returns the rest of the first line that begins with a label.
func after(text, label string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return ""
}

// blocks cuts the signed texts out of a file, roughly: whether they verify is
// none of this test's business.
func blocks(text string) []string {
	var all []string
	for {
		_, rest, ok := strings.Cut(text, "-----BEGIN PGP SIGNED MESSAGE-----\n")
		if !ok {
			return all
		}
		_, rest, _ = strings.Cut("\n"+rest, "\n\n") // behind the headers, of which the oldest have none
		body, after, _ := strings.Cut(rest, "\n-----BEGIN PGP SIGNATURE-----")
		all = append(all, strings.ReplaceAll("\n"+body, "\n- ", "\n"))
		text = after
	}
}

// TestCorporaNodeJS reads the lists of digests in the posts of releases.
func TestCorporaNodeJS(t *testing.T) {
	lists, weak := 0, 0
	for file, text := range signed(t, "nodejs/release-posts/*.md") {
		for _, block := range blocks(text) {
			got, err := bulletin.Parse(block)
			want := 0
			for line := range strings.Lines(block) {
				if sum, _, ok := strings.Cut(line, "  "); ok && len(sum) == 64 {
					want++
				}
			}
			if want == 0 { // of before 2015, with SHA-1
				weak++
				if !errors.Is(err, bulletin.ErrUnknown) {
					t.Errorf("%s: got %v, %v, want ErrUnknown", file, got, err)
				}
				continue
			}
			lists++
			if err != nil || len(got) != 1 || len(got[0].Files) != want {
				t.Errorf("%s: got %v, %v, want %d files", file, got, err, want)
				continue
			}
			check(t, got)
			f := got[0].Files[0]
			if !strings.Contains(block, f.SHA256.String()+"  "+f.Name+"\n") {
				t.Errorf("%s: %s %s is not in the text", file, f.SHA256, f.Name)
			}
		}
	}
	t.Logf("%d lists, %d with weak digests alone", lists, weak)
	if lists < 8 {
		t.Errorf("got %d lists, want at least 8", lists)
	}
}
