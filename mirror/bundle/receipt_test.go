package bundle

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

const (
	receiptHead = `"version":1,"destination":"plant-1","origin":"00000001-0000-4000-8000-000000000000",` +
		`"stream":"00000002-0000-4000-8000-000000000000","epoch":1,"seq":4,"header_sha256":"` + someDigest + `",`
	receiptMark = `"high_water":{"epoch":1,"seq":4,"header_sha256":"` + someDigest + `"},"day":"2026-11-22"}`
	imported    = `{"format":"patchferry-receipt",` + receiptHead + `"status":"imported",` + receiptMark
	partly      = `{"format":"patchferry-receipt",` + receiptHead + `"status":"partial","reason":"missing-base","missing":[{"sha256":"` + someDigest + `","size":7}],"day":"2026-11-22"}`
	wanting     = `{"format":"patchferry-want",` + receiptHead + `"files":[{"sha256":"` + someDigest + `","size":7},{"sha1":"0123456789012345678901234567890123456789"},` +
		`{"update":"xp:1","file":"a.exe"}],` + receiptMark
)

func TestReceiptsAreRead(t *testing.T) {
	for name, test := range map[string]struct{ doc, format string }{
		"imported":            {imported, FormatReceipt},
		"partial":             {partly, FormatReceipt},
		"want":                {wanting, FormatWant},
		"members of tomorrow": {strings.Replace(imported, `"seq":4,`, `"seq":4,"moon":{"phase":1},`, 1), FormatReceipt},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseReceipt([]byte(test.doc), test.format)
			if err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseReceipt(again, test.format)
			if diff := cmp.Diff(r, back); err != nil || diff != "" {
				t.Errorf("written and read again: %v\n%s", err, diff)
			}
		})
	}
}

func TestReceiptsAreRefused(t *testing.T) {
	edit := func(doc, from, to string) string {
		if !strings.Contains(doc, from) {
			t.Fatalf("%q is not in %s", from, doc)
		}
		return strings.Replace(doc, from, to, 1)
	}
	for name, test := range map[string]struct {
		doc, format string
		code        Code
		want        string
	}{
		"a want file for a receipt": {wanting, FormatReceipt, CodeFormat, `format "patchferry-want", want "patchferry-receipt"`},
		"a receipt for a want file": {imported, FormatWant, CodeFormat, `want "patchferry-want"`},
		"a state":                   {`{"format":"patchferry-state"}`, FormatReceipt, CodeFormat, `format "patchferry-state"`},
		"a member twice":            {edit(imported, `"seq":4,`, `"seq":4,"seq":4,`), FormatReceipt, CodeFormat, `member "seq" stands twice`},
		"bytes after the object":    {imported + "{}", FormatReceipt, CodeFormat, "not one whole JSON object"},
		"capitals":                  {edit(imported, `"seq"`, `"Seq"`), FormatReceipt, CodeFormat, "plain lower case"},
		"too long":                  {imported + strings.Repeat(" ", MaxReceipt), FormatReceipt, CodeLimit, "more than"},
		"another version":           {edit(imported, `"version":1`, `"version":2`), FormatReceipt, CodeVersion, "version 2"},
		"a path as destination":     {edit(imported, `plant-1`, `../plant`), FormatReceipt, CodeFormat, "not the name of a destination"},
		"an origin that is none":    {edit(imported, `00000001-`, `0000000x-`), FormatReceipt, CodeFormat, "not a UUID"},
		"seq 0":                     {edit(imported, `"seq":4`, `"seq":0`), FormatReceipt, CodeFormat, "begin at 1"},
		"a mark of nothing":         {edit(imported, `"high_water":{"epoch":1`, `"high_water":{"epoch":0`), FormatReceipt, CodeFormat, "high-water mark"},
		"imported, another mark":    {edit(imported, `"high_water":{"epoch":1,"seq":4`, `"high_water":{"epoch":1,"seq":3`), FormatReceipt, CodeFormat, "something else as well"},
		"imported, with a reason":   {edit(imported, `"imported",`, `"imported","reason":"digest",`), FormatReceipt, CodeFormat, "something else as well"},
		"no outcome":                {edit(imported, `"imported"`, `"almost"`), FormatReceipt, CodeFormat, `"almost" is no outcome`},
		"partial without a reason":  {edit(partly, `"reason":"missing-base",`, ``), FormatReceipt, CodeFormat, "not why"},
		"a reason in prose":         {edit(partly, `missing-base`, `Missing base`), FormatReceipt, CodeFormat, "not the code"},
		"a receipt that wants":      {edit(partly, `"day"`, `"files":[{"update":"x:1","file":"a"}],"day"`), FormatReceipt, CodeFormat, "a want file does"},
		"no day":                    {edit(partly, `2026-11-22`, `today`), FormatReceipt, CodeFormat, "not a day"},
		"missing twice":             {edit(partly, `,"size":7}`, `,"size":7},{"sha256":"`+someDigest+`","size":7}`), FormatReceipt, CodeFormat, "in the order of digests"},
		"missing of less than none": {edit(partly, `"size":7`, `"size":-7`), FormatReceipt, CodeFormat, "-7 bytes"},
		"a want with a status":      {edit(wanting, `"files"`, `"status":"partial","files"`), FormatWant, CodeFormat, "is a want file with the status"},
		"a want of nothing":         {`{"format":"patchferry-want",` + receiptHead + receiptMark, FormatWant, CodeFormat, "asks for 0 objects"},
		"a file named twice over":   {edit(wanting, `"update":"xp:1"`, `"sha1":"0123456789012345678901234567890123456789","update":"xp:1"`), FormatWant, CodeFormat, "file 3 in one way"},
		"a file of no update":       {edit(wanting, `"update":"xp:1",`, ``), FormatWant, CodeFormat, "file 3 in one way"},
		"a size of a SHA-1":         {edit(wanting, `{"sha1"`, `{"size":3,"sha1"`), FormatWant, CodeFormat, "file 2 in one way"},
		"a name in control":         {edit(wanting, `a.exe`, `a\u001b.exe`), FormatWant, CodeFormat, "file 3 in one way"},
		"no file at all":            {edit(wanting, `{"update":"xp:1","file":"a.exe"}`, `{}`), FormatWant, CodeFormat, "file 3 in one way"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseReceipt([]byte(test.doc), test.format)
			refusal := (*Error)(nil)
			if !errors.As(err, &refusal) || refusal.Code != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, %v; want %s with %q", r, err, test.code, test.want)
			}
		})
	}
}

func TestHowAFileIsWanted(t *testing.T) {
	u := &layout.Update{ID: "xp:1"}
	digest, sum := layout.DigestOf([]byte("a")), layout.SHA1{1}
	for _, test := range []struct {
		name string
		f    layout.File
		want string
	}{
		{"all is known", layout.File{Name: "a.exe", SHA256: digest, Size: 7, SHA1: sum}, digest.String()},
		{"without SHA-256", layout.File{Name: "a.exe", Size: 7, SHA1: sum}, "SHA-1 " + sum.String()},
		{"no digest", layout.File{Name: "a.exe", Size: 7}, "a.exe of xp:1"},
	} {
		w := Want(u, &test.f)
		if got := w.String(); got != test.want || !w.Is(u, &test.f) {
			t.Errorf("%s: got %s, and that it is it: %v; want %s", test.name, got, w.Is(u, &test.f), test.want)
		}
		other := test.f
		other.Name, other.SHA256, other.SHA1 = "b.exe", layout.Digest{9}, layout.SHA1{9}
		if w.Is(u, &other) {
			t.Errorf("%s: another file is taken for it", test.name)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte(imported), true)
	f.Add([]byte(partly), true)
	f.Add([]byte(wanting), false)
	f.Add([]byte(`{"format":"patchferry-want","format":"x"}`), false)
	f.Fuzz(func(t *testing.T, doc []byte, receipt bool) {
		format := FormatWant
		if receipt {
			format = FormatReceipt
		}
		r, err := ParseReceipt(doc, format)
		if !refusedOrFine(t, err) {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseReceipt(again, format); err != nil && len(again) <= MaxReceipt {
			t.Errorf("what was accepted is refused when it is written again: %v", err)
		}
	})
}
