package bulletin_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"patchferry/verify/bulletin"
)

// csaf puts members into a document that is otherwise whole.
func csaf(members string) string {
	return `{"document":{"category":"csaf_base","csaf_version":"2.0","title":"t","tracking":{"id":"X-1","status":"final","version":"1"}}` + members + `}`
}

const cvrfHead = `<cvrfdoc><DocumentTracking><Identification><ID>X-1</ID></Identification></DocumentTracking>`

// TestParseRefuses has texts of known forms that break the rules of these.
func TestParseRefuses(t *testing.T) {
	if got, err := bulletin.Parse(csaf("")); err != nil || len(got) != 1 {
		t.Fatalf("the document to break is broken: %v, %v", got, err)
	}
	if got, err := bulletin.Parse(cvrfHead + "</cvrfdoc>"); err != nil || len(got) != 1 {
		t.Fatalf("the document to break is broken: %v, %v", got, err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"too large", strings.Repeat("a\n", 2<<20) + "b", "more than 4194304 bytes"},
		{"too many lines", strings.Repeat("\n", 200_001), "more than 200000 lines"},
		{"json cut short", strings.TrimSuffix(csaf(""), "}"), "ends too early"},
		{"json goes on", csaf("") + "{}", "after"},
		{"member twice", csaf(`,"document":{}`), `"document" stands twice`},
		{"member twice in other case", csaf(`,"Document":{}`), `"Document" stands twice`},
		{"member twice by escape", csaf(`,"docume\u006et":{}`), `"document" stands twice`},
		{"member twice inside", csaf(`,"product_tree":{"branches":[{"name":"a","x":1,"name":"b"}]}`), `"name" stands twice`},
		{"member twice behind an object", csaf(`,"x":{"a":{"b":1},"a":2}`), `"a" stands twice`},
		{"not utf-8", csaf(",\"x\":\"\xff\""), "UTF-8"},
		{"deep", csaf(`,"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)), "100 levels"},
		{"deep without end", `{"document":` + strings.Repeat("[", 1<<20), "100 levels"},
		{"many members", csaf(`,"x":{` + numbered(2000, `"a%d":1`) + `}`), "1000 members"},
		{"many values", csaf(`,"vulnerabilities":[` + numbered(300_000, `{}`) + `]`), "250000"},
		{"wrong type", csaf(`,"vulnerabilities":{}`), "cannot unmarshal"},
		{"no id", strings.Replace(csaf(""), `"id":"X-1"`, `"id":"\u202e "`, 1), "no tracking id"},
		{"document type", "<cvrfdoc><!DOCTYPE x [<!ENTITY a 'b'>]></cvrfdoc>", "document type"},
		{"unknown entity", cvrfHead + "<DocumentTitle>&nbsp;</DocumentTitle></cvrfdoc>", "invalid character entity"},
		{"xml cut short", cvrfHead, "unexpected EOF"},
		{"xml crossed", cvrfHead + "<a><b></a></b></cvrfdoc>", "closed by"},
		{"xml deep", cvrfHead + strings.Repeat("<a>", 200), "100 levels"},
		{"attributes", cvrfHead + "<a " + strings.Repeat("b='' ", 400_001) + "/></cvrfdoc>", "attributes"},
		{"no name", "<cvrfdoc></cvrfdoc>", "no CVE and no document id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := bulletin.Parse(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, bulletin.ErrUnknown) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if len(got) > 0 {
				t.Errorf("got %d bulletins beside the error", len(got))
			}
		})
	}
}

// numbered returns n of a form with their numbers, and commas between.
func numbered(n int, form string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = form
		if strings.Contains(form, "%") {
			all[i] = fmt.Sprintf(form, i)
		}
	}
	return strings.Join(all, ",")
}

// TestParseLimits has texts that are larger than what is kept of them.
func TestParseLimits(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	vulns := func(n int, inside string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<Vulnerability><CVE>CVE-2024-%05d</CVE>%s</Vulnerability>", i, inside)
		}
		return b.String()
	}
	var tree, status strings.Builder
	for i := range 250 {
		fmt.Fprintf(&tree, `<FullProductName ProductID="%d">%03d%s</FullProductName>`, i, i, strings.Repeat("p", 190))
		fmt.Fprintf(&status, "<ProductID>%d</ProductID>", i)
	}
	known := `<ProductStatuses><Status Type="Known Affected">` + status.String() + "</Status></ProductStatuses>"
	for _, tt := range []struct {
		name, text      string
		err             string
		bulletins       int
		products, kbs   int // of the first bulletin
		cves, products2 int // cves of the first, products of the last
		files           int
	}{
		{name: "title and name", text: strings.NewReplacer(`"title":"t"`, `"title":"`+long+`"`, "X-1", long).Replace(csaf("")), bulletins: 1},
		{name: "products and files", text: csaf(`,"product_tree":{"full_product_names":[` + numbered(300, `{"name":"p%d"}`) + `]}`), bulletins: 1, products: 200, products2: 200},
		{name: "cves", text: csaf(`,"vulnerabilities":[` + numbered(2500, `{"cve":"CVE-2024-1%04d"}`) + `]`), bulletins: 1, cves: 2000},
		{name: "kbs", text: csaf(`,"vulnerabilities":[{"remediations":[` + numbered(2500, `{"category":"vendor_fix","details":"50%04d"}`) + `]}]`), bulletins: 1, kbs: 2000},
		{name: "bulletins", text: cvrfHead + vulns(5001, "") + "</cvrfdoc>", err: "1 bulletins left out", bulletins: 5000, cves: 1},
		{name: "products of all", text: cvrfHead + "<ProductTree>" + tree.String() + "</ProductTree>" + vulns(600, known) + "</cvrfdoc>",
			bulletins: 600, cves: 1, products: 200, products2: 0},
		{name: "all together", text: cvrfHead + vulns(4000, "<Title>"+strings.Repeat(`"`, 480)+"</Title>") + "</cvrfdoc>",
			err: "2693 bulletins left out, 1307 are read", bulletins: 1307, cves: 1},
		{name: "names of files", text: strings.ReplaceAll(numbered(4_000, strings.Repeat("a", 64)+"  "+strings.Repeat("f", 400)+"%d"), ",", "\n"), err: "1 bulletins left out"},
		{name: "files", text: strings.ReplaceAll(numbered(10_001, strings.Repeat("a", 64)+"  f%d"), ",", "\n"), err: "more than 10000 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := bulletin.Parse(tt.text)
			if fmt.Sprint(err) != "<nil>" && tt.err == "" || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("got %v, want %q", err, tt.err)
			}
			check(t, got)
			if len(got) != tt.bulletins {
				t.Fatalf("got %d bulletins, want %d", len(got), tt.bulletins)
			}
			if len(got) == 0 {
				return
			}
			b, last := got[0], got[len(got)-1]
			if len(b.Products) != tt.products || len(b.KBs) != tt.kbs || len(b.CVEs) != tt.cves || len(last.Products) != tt.products2 {
				t.Errorf("got %d products, %d KBs, %d CVEs and %d products of the last, want %d, %d, %d, %d",
					len(b.Products), len(b.KBs), len(b.CVEs), len(last.Products), tt.products, tt.kbs, tt.cves, tt.products2)
			}
		})
	}
}

// TestParseMemory has texts that are made to be large in memory, and to take
// long where time is not linear: for each byte of them no more than 64 may be
// allocated.
func TestParseMemory(t *testing.T) {
	if underRace {
		t.Skip("SKIP: counts what is allocated")
	}
	const size = 1 << 20
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
	}
	head := strings.TrimSuffix(csaf(""), "}")
	for name, text := range map[string]string{
		"null elements":  fill(head+`,"vulnerabilities":[null`, ",null", "]}"),
		"empty elements": fill(head+`,"vulnerabilities":[{}`, ",{      }", "]}"),
		"empty branches": fill(head+`,"product_tree":{"branches":[{}`, ",{      }", "]}}"),
		"deepest":        fill(head+`,"x":[`, `[[[[[[]]]]]],`, "1]}"),
		"long string":    fill(head+`,"x":"`, `\u00e4`, `"}`),
		"attributes":     fill(cvrfHead+"<a ", `b="12345678" `, "/></cvrfdoc>"),
		"elements":       fill(cvrfHead, "<a/>", "</cvrfdoc>"),
		"text":           fill(cvrfHead+"<Vulnerability><Title>", "&amp;", "</Title></Vulnerability></cvrfdoc>"),
		"one line":       fill("Title: ", "a: ", ""),
		"one bullet":     fill("MS04-011 - a\n", "* ", "x"),
		"ids":            fill("Microsoft Security Bulletin (MS00-046)\n\n", "CVE-2000-0001 KB123456 MS00-001 ", ""),
		"addresses":      fill("Microsoft Security Bulletin (MS00-046)\n\n", "http://a/ms00-046.asp\n", ""),
		"planned":        fill("Microsoft Security Bulletin Advance Notification for May 2005\n", "Security Bulletin affecting ", ""),
		"headings":       fill("Microsoft Security Bulletin Summary for May 2005\n", "MS05-001 - a title of a sample (123456)\nAffected Software:\n - bbbbbbbbbbbbbbbbbbbbbbb\n", ""),
		"continuations":  fill("Bulletin: MS02-017\nAffected Software:\n - a\n", "  bbbbbbbbbbbbbbbbbbbbbbbbb\n", ""),
		"broken title":   fill("Bulletin: MS02-017\nTitle: a\n", "  bb bbbbbb bbbbbbbbbbbbb bbbbbbbbbbbb\n", ""),
		"nearly digests": fill("", strings.Repeat("a", 64)+"  "+strings.Repeat("\x01", 30)+"\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got, _ := bulletin.Parse(text)
			runtime.ReadMemStats(&after)
			check(t, got)
			total := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%s: %d MiB allocated for %d bulletins", name, total, len(got))
			if total > 64 {
				t.Errorf("%d MiB allocated, want at most 64", total)
			}
		})
	}
}
