package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

func TestBulletinFolders(t *testing.T) {
	at := func(day string) layout.Time { return layout.At(layout.Date(day).Time()) }
	doc := func(id, file string, day string) *layout.Notice {
		return &layout.Notice{ID: id, File: file, Captured: at(day), Original: layout.ObjectRef{SHA256: layout.DigestOf([]byte(id)), Size: 3}}
	}
	signed := doc("cisa:2024/a.json@111111111111", "a.json", "2026-01-02")
	signed.Signature, signed.SigFile = layout.ObjectRef{SHA256: layout.DigestOf([]byte("sig")), Size: 9}, "a.json.asc"
	got := make(map[string][]string)
	for _, f := range bulletinFolders([]*layout.Notice{
		signed,
		doc("cisa:2024/a.json@000000000000", "a.json", "2026-01-01"), // an older revision
		doc("cisa:b.json@222222222222", "b.json", "2026-01-01"),
		doc("mail:box/0123@333333333333", "mail.eml", "2026-01-01"),
		doc("mail:box/4567@444444444444", "MAIL.eml", "2026-01-01"),
		doc("msrc:https://api.msrc.example/cvrf/2025-Nov?a=b@c@666666666666", "2025-Nov", "2026-01-01"),
		doc("mail:../../etc/con@555555555555", "con", "2026-01-01"),
	}) {
		for _, file := range f.Files {
			got[f.Path] = append(got[f.Path], file.Name)
			if err := layout.CheckPath(f.Path + "/" + file.Name); err != nil {
				t.Error(err)
			}
			if file.SHA256 == layout.DigestOf([]byte("cisa:2024/a.json@000000000000")) {
				t.Error("an older revision is shown")
			}
		}
	}
	clash := layout.DigestOf([]byte("mail:box/4567@444444444444")).String()[:12]
	want := map[string][]string{
		"bulletins/cisa":                       {"b.json"},
		"bulletins/cisa/2024":                  {"a.json", "a.json.asc"},
		"bulletins/msrc/api.msrc.example/cvrf": {"2025-Nov"},
		"bulletins/mail/box":                   {"mail.eml", "MAIL~" + clash + ".eml"},
		"bulletins/mail/" + layout.SafeName("..") + "/" + layout.SafeName("..") + "/etc": {layout.SafeName("con")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
}
