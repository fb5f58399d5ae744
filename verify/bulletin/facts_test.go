package bulletin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify/bulletin"
)

// one parses a text and wants one bulletin in it.
func one(t *testing.T, text string) layout.Bulletin {
	t.Helper()
	got, err := bulletin.Parse(text)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d bulletins, %v", len(got), err)
	}
	check(t, got)
	return got[0]
}

func TestDates(t *testing.T) {
	mail := func(s string) layout.Date { return one(t, "Bulletin: MS02-017\nDate: "+s).Released }
	advisory := func(s string) layout.Date { return one(t, "Advisory ID: X-SA-1\nDate: "+s).Released }
	for _, tt := range []struct {
		text string
		want layout.Date
	}{
		{"04 April 2002", "2002-04-04"},
		{"4 Apr 2002", "2002-04-04"},
		{"4 Apr. 2002", "2002-04-04"},
		{"April 13, 2004", "2004-04-13"},
		{"April 13 2004", "2004-04-13"},
		{"Tuesday, April 13th, 2004", "2004-04-13"},
		{"Sept. 14, 2004", "2004-09-14"},
		{"10/14/2008", "2008-10-14"},
		{"2004-04-13", "2004-04-13"},
		{"2004 April 20 21:00 UTC (GMT)", "2004-04-20"},
		{"April 13, 2004 | Updated: April 21, 2004", "2004-04-13"},
		{"2002-06-XX", ""},
		{"--", ""},
		{"Maybe 13, 2004", ""},
		{"February 30, 2004", ""},
		{"14/10/2008", ""},
		{"April 13, 1904", ""},
		{"April 13, 04", ""},
	} {
		if got := mail(tt.text); got != tt.want {
			t.Errorf("mail: %q is %q, want %q", tt.text, got, tt.want)
		}
		// Nobody knows in which order others put day and month.
		if strings.Contains(tt.text, "/") {
			tt.want = ""
		}
		if got := advisory(tt.text); got != tt.want {
			t.Errorf("advisory: %q is %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSeverities(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        layout.Severity
	}{
		{"rating", "Maximum Severity Rating: Critical", layout.Critical},
		{"max risk", "Max Risk:   Moderate", layout.Moderate},
		{"an impact under max risk", "Max Risk: Run code of attacker's choice", ""},
		{"an impact with a rating's word in it", "Max Risk: Disclosure of important files", ""},
		{"several", "Severity: Low, Moderate", layout.Moderate},
		{"several with and", "Severity: Moderate and Important", layout.Important},
		{"by product", "Severity Rating: Important for Windows 2000, Low (Windows XP)", layout.Important},
		{"table of systems", "Max Risk: Low\n\nRisk Rating:\n============\n - Internet systems: Low\n - Client systems: Critical\n", layout.Critical},
		{"table of columns", "Risk Rating:\n\n            Internet   Intranet   Client\n  IIS 4.0   Low        Moderate   None\n", layout.Moderate},
		{"the section ends the table", "Risk Rating:\n============\n - Internet systems: Low\n\nThanks\n======\n - X: Critical", layout.Low},
		{"the paragraph ends the table", "Risk Rating:\n============\n - Internet systems: Low\n\nAnd then\n\n - X: Critical", layout.Low},
		{"in another language", "Severity: Kritisch", layout.Critical},
		{"first label counts", "Severity: Low\nSeverity: Critical", layout.Low},
		{"unknown", "Severity: Recommended", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := one(t, "Bulletin: MS02-017\n"+tt.lines).Severity; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestArticles(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        []string
	}{
		{"title with digits", "Title: Sample (835732)", []string{"835732"}},
		{"title with Q", "Title: Sample (Q311967)", []string{"311967"}},
		{"title with KB", "Title: Sample (KB 958644)", []string{"958644"}},
		{"title with several", "Title: Sample (Q311967, Q311968)", []string{"311967", "311968"}},
		{"title with a year", "Title: Sample of Windows (2000) and Office 2003", nil},
		{"label", "Knowledge Base article: 824146", []string{"824146"}},
		{"label with several", "KB articles: Q824146, 835732", []string{"824146", "835732"}},
		{"affected software", "Title: A (902412)\nAffected Software:\n - Office 2000 (KB892842)\n - Outlook 2003 (892843)", []string{"892842", "892843", "902412"}},
		{"sentence", "\nMicrosoft Knowledge Base article 824146 has more.", []string{"824146"}},
		{"sentence broken", "\n - Microsoft Knowledge Base (KB) article\n   Q261255 has more.", []string{"261255"}},
		{"sentence of several", "\nKnowledge Base articles Q261255, Q261256 and 261257", []string{"261255", "261256", "261257"}},
		{"the title decides", "Title: A (902412)\n\nMicrosoft Knowledge Base article 918165 has known issues; see KB294871.", []string{"902412"}},
		{"telephone", "\nCall 1-866-727-2338, 425 882808 or (425) 8828080.", nil},
		{"other digits", "\nOrder 234567, build 3790215, BUGQ123456, Q12, KB12345678, 20040413.", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, one(t, "Bulletin: MS02-017\n"+tt.lines).KBs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLinkedArticles wants articles from links to Microsoft alone.
func TestLinkedArticles(t *testing.T) {
	for link, want := range map[string]string{
		"https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB5034123":    "5034123",
		"https://www.catalog.update.microsoft.com/Search.aspx?q=5034123":          "5034123",
		"https://support.microsoft.com/help/5034123":                              "5034123",
		"https://support.microsoft.com/en-us/kb/3177186":                          "3177186",
		"https://support.microsoft.com/topic/kb5034123-os-build":                  "5034123",
		"https://catalog.update.microsoft.com.example.net/?q=KB5034123":           "",
		"https://example.net/?q=KB5034123&u=catalog.update.microsoft.com":         "",
		"https://support.microsoft.com@example.net/help/5034123":                  "",
		"https://support.microsoft.com/phone/18005550199":                         "",
		"https://catalog.update.microsoft.com/v7/site/Search.aspx?q=windows+2003": "",
		"https://%zz": "",
	} {
		text := csaf(`,"vulnerabilities":[{"remediations":[{"category":"vendor_fix","url":"` + link + `"}]}]`)
		if got := strings.Join(one(t, text).KBs, " "); got != want {
			t.Errorf("%s leads to %q, want %q", link, got, want)
		}
	}
}

// TestShownText wants nothing in the result that could hide or reorder what a
// reader sees.
func TestShownText(t *testing.T) {
	got := one(t, "Bulletin: MS02-017\nTitle: a\x00b\x1b[31m\u202ec\u200bd\u2028e\xff\u00a0f\ufeff\ue000g\u00e4")
	if want := "ab[31mcd e fgä"; got.Title != want {
		t.Errorf("got %q, want %q", got.Title, want)
	}
}

// TestAddresses has web addresses with a character among them that cannot be
// shown: without it they would lead elsewhere.
func TestAddresses(t *testing.T) {
	const page = "http://vendor.example/bulletin/ms00-046.asp"
	for text, want := range map[string]string{
		"see " + page + ".":           page,
		page + "\u3000(moved)":        page,
		page + "\u202e":               page,
		page + "\xff":                 page,
		"http://a\u3000/ms00-046.asp": "",
		"http://a\u200b/ms00-046.asp": "",
		"http://a\v/ms00-046.asp":     "",
		"http://a\xff/ms00-046.asp":   "",
	} {
		got, err := bulletin.Parse("Microsoft Security Bulletin (MS00-046)\n\n" + text + "\n")
		if err != nil || len(got) != 1 || got[0].URL != want {
			t.Errorf("%q: got %+v, %v, want the page %q", text, got, err, want)
		}
	}
}

// TestWithdrawn wants a document to be withdrawn only where it says so of
// itself.
func TestWithdrawn(t *testing.T) {
	for summary, want := range map[string]layout.Status{
		"Withdrawn.":                               layout.StatusWithdrawn,
		"WITHDRAWN: sent in error":                 layout.StatusWithdrawn,
		"The advisory was withdrawn.":              layout.StatusWithdrawn,
		"This document has been withdrawn":         layout.StatusWithdrawn,
		"Withdrawn the statement about version 2.": layout.StatusReleased,
		"A withdrawn fix is back.":                 layout.StatusReleased,
		"":                                         layout.StatusReleased,
	} {
		text := strings.Replace(csaf(""), `"version":"1"`, `"version":"1","revision_history":[{"number":"1","summary":"`+summary+`"},{"number":"0.9","summary":"Withdrawn."}]`, 1)
		if got := one(t, text).Status; got != want {
			t.Errorf("%q makes it %q, want %q", summary, got, want)
		}
	}
}

// TestAdvanceNotice wants the summary of a month in the place of its advance
// notice.
func TestAdvanceNotice(t *testing.T) {
	all := samples(t)
	var notices []*layout.Notice
	for i, text := range []string{
		"Microsoft Security Bulletin Summary for October 2007\nIssued: October 9, 2007\n\nMS07-056 - Sample (941202)\n",
		all[filepath.Join("testdata", "advance-2007.txt")],
	} {
		found, err := bulletin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		id := "mail:" + string(rune('a'+i))
		notices = append(notices, &layout.Notice{ID: id, Verdict: layout.Valid, Bulletins: found})
	}
	got := make(map[string]layout.Status)
	for _, said := range layout.Current(notices) {
		got[said.Name] = said.Status
	}
	want := map[string]layout.Status{"MS07-056": layout.StatusReleased, "MS07-OCT": layout.StatusReleased}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMerged wants what a text says of one bulletin in several places in one.
func TestMerged(t *testing.T) {
	text := "Title: Microsoft Security Bulletin Summary for May 2005\n\n" +
		"Moderate Security Bulletins\n===\n\nMS05-024 - Sample (894320)\n - Affected Software:\n   - Windows 2000\n\n" +
		"Critical Security Bulletins\n===\n\nMS05-024 - Sample again (894321)\n - Affected Software:\n   - Windows 2000\n   - Windows XP\n"
	found, err := bulletin.Parse(text)
	if err != nil || len(found) != 2 {
		t.Fatalf("got %v, %v", found, err)
	}
	want := layout.Bulletin{Name: "MS05-024", Title: "Sample (894320)", Severity: layout.Critical,
		KBs: []string{"894320", "894321"}, Products: []string{"Windows 2000", "Windows XP"}}
	if diff := cmp.Diff(want, found[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProducts(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        []string
	}{
		{"one line", "Software: Microsoft Windows NT 4.0, 2000 and XP", []string{"Microsoft Windows NT 4.0, 2000 and XP"}},
		{"lines below", "  Software: A\n\tB\n\tC 4.0 or\n\tD", []string{"A", "B", "C 4.0 or D"}},
		{"line ends the field", "Software: A\nB", []string{"A"}},
		{"items", "Affected Software:\n - A\n\n - B - Download the update\n * C:", []string{"A", "B", "C"}},
		{"item of two lines", "Affected Software:\n - Windows 2000 and Microsoft Windows\n   XP Service Pack 1\n - B", []string{"Windows 2000 and Microsoft Windows XP Service Pack 1", "B"}},
		{"item with an open parenthesis", "Affected Software:\n   A (of\n   B) of C", []string{"A (of B) of C"}},
		{"sentence above", "Affected Software:\n\nThis was\ntested.\n\n - A", []string{"A"}},
		{"two sentences above", "Affected Software:\n\nThis was tested.\n\nMore is\n\n - A", nil},
		{"text below", "Affected Software:\n - A\n\nText\n - B", []string{"A"}},
		{"label below", "Affected Software:\n - A\nNon-Affected Software:\n - B", []string{"A"}},
		{"heading below", "Affected Software\n=====\n - A\n\nOther\n=====\n - B", []string{"A"}},
		{"twice", "Affected Software:\n - A\n - B\n - A", []string{"A", "B"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, one(t, "Bulletin: MS02-017\n"+tt.lines).Products); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStatedFiles wants no digest of a file whose name or digest is in doubt.
func TestStatedFiles(t *testing.T) {
	sum := func(file, algorithm, digit string) string {
		return `{"filename":"` + file + `","file_hashes":[{"algorithm":"` + algorithm + `","value":"` + strings.Repeat(digit, 64) + `"}]}`
	}
	text := csaf(`,"product_tree":{"full_product_names":[{"name":"p","product_identification_helper":{"hashes":[` + strings.Join([]string{
		sum("good.msu", "sha256", "a"), sum("good.msu", "SHA-256", "A"), sum("torn.msu", "sha256", "a"), sum("torn.msu", "sha256", "b"),
		sum("hidden\\u202e.msu", "sha256", "a"), sum("", "sha256", "a"), sum("other.msu", "sha3-256", "a"), sum("short.msu", "sha256", ""),
	}, ",") + `]}}]}`)
	got, err := bulletin.Parse(text)
	if err == nil || !strings.Contains(err.Error(), `two different digests for "torn.msu"`) {
		t.Errorf("got %v, want an error about torn.msu", err)
	}
	if len(got) != 1 || len(got[0].Files) != 1 || got[0].Files[0].Name != "good.msu" {
		t.Errorf("got %v, want the digest of good.msu alone", got)
	}
}

// TestDocumentedDigests wants the forms in docs/bulletins.md to be read.
func TestDocumentedDigests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bulletins.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Digests\n\n```\n")
	lines, _, _ := strings.Cut(section, "```")
	for line := range strings.Lines(lines) {
		if b := one(t, line); len(b.Files) != 1 || b.Files[0].Name != "name.msu" {
			t.Errorf("%q states %v", line, b.Files)
		}
	}
	if strings.Count(lines, "\n") != 3 {
		t.Errorf("the page has %q, want three forms", lines)
	}
}
