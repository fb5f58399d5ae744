package verify_test

import (
	"errors"
	"strings"
	"testing"

	"patchferry/verify"
)

const (
	fpr4 = "9502BE22B4975112FBE0BFC98ADE1206AA55BC66"
	fpr6 = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
	fpr3 = "v3sha256:" + fpr6
)

func TestParseFingerprint(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"version 4":      {fpr4, fpr4},
		"version 6":      {fpr6, fpr6},
		"version 3":      {fpr3, fpr3},
		"v3 upper case":  {"V3SHA256:" + fpr6, fpr3},
		"v3 lower case":  {strings.ToLower(fpr3), fpr3},
		"v3 spelled out": {"v3 SHA-256: " + fpr6[:32] + " " + fpr6[32:], fpr3},
		"lower case":     {strings.ToLower(fpr4), fpr4},
		"gpg style":      {"9502 BE22 B497 5112 FBE0  BFC9 8ADE 1206 AA55 BC66", fpr4},
		"colons":         {"95:02:BE:22:B4:97:51:12:FB:E0:BF:C9:8A:DE:12:06:AA:55:BC:66", fpr4},
		"dashes, dots":   {"9502-BE22.B497-5112-FBE0-BFC9-8ADE-1206-AA55-BC66", fpr4},
		"0x":             {"0x" + fpr4, fpr4},
		"0X":             {" 0X" + fpr4 + "\n", fpr4},
		"no-break space": {"9502\u00a0BE22\u202fB497 5112 FBE0 BFC9 8ADE 1206 AA55 BC66", fpr4},
		"zero width":     {"\ufeff9502\u200bBE22B4975112FBE0BFC98ADE1206AA55BC66", fpr4},
		"full width":     {"９５０２ＢＥ２２B4975112FBE0BFC98ADE1206AA55BC66", fpr4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verify.ParseFingerprint(test.in)
			if err != nil || got.String() != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestParseFingerprintRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		in, reason string // reason: part of the message
		digit      int
		suggestion verify.Fingerprint
	}{
		"the printed O":     {"9502 BE22 B497 5112 FBEO BFC9 8ADE 1206 AA55 BC66", "FBEO: letter O at digit 20", 20, fpr4},
		"I, L, S":           {strings.NewReplacer("1", "I", "5", "S").Replace(fpr4), "letter S at digit 2", 2, fpr4},
		"Cyrillic":          {strings.Replace(fpr4, "B", "В", 1), "U+0412 at digit 5", 5, fpr4},
		"bar":               {strings.Replace(fpr4, "1", "|", 1), `character '|'`, 14, fpr4},
		"no lookalike":      {strings.Replace(fpr4, "F", "X", 1), "letter X at digit 17", 17, ""},
		"lookalike, length": {"O" + fpr4, "letter O at digit 1", 1, ""},
		"empty":             {"", "no fingerprint", 0, ""},
		"only blanks":       {" :- ", "no fingerprint", 0, ""},
		"key id":            {fpr4[24:], "16 digits are a key id", 0, ""},
		"short key id":      {fpr4[32:], "8 digits are a key id", 0, ""},
		"MD5":               {fpr4[:32], "pin the key as v3sha256:", 0, ""},
		"v3, MD5":           {"v3sha256:" + fpr4[:32], "32 digits, but", 0, ""},
		"v3, version 4":     {"v3sha256:" + fpr4, "40 digits, but", 0, ""},
		"v3, nothing":       {"v3sha256:", "0 digits, but", 0, ""},
		"v3, O":             {strings.Replace(fpr3, "0", "O", 1), "letter O at digit 9", 9, fpr3},
		"39 digits":         {fpr4[1:], "39 digits", 0, ""},
		"41 digits":         {fpr4 + "0", "41 digits", 0, ""},
		"not UTF-8":         {"\xff" + fpr4[1:], "digit 1", 1, ""},
		"a name":            {"Ann", "letter N at digit 2", 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verify.ParseFingerprint(test.in)
			bad, ok := errors.AsType[*verify.FingerprintError](err)
			if !ok || got != "" {
				t.Fatalf("got %q, %v, want a *FingerprintError", got, err)
			}
			if !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %q, want it to say %q", err, test.reason)
			}
			if bad.Digit != test.digit || bad.Suggestion != test.suggestion {
				t.Errorf("got digit %d, suggestion %q, want %d, %q", bad.Digit, bad.Suggestion, test.digit, test.suggestion)
			}
		})
	}
}

func TestGrouped(t *testing.T) {
	for f, want := range map[verify.Fingerprint]string{
		fpr4: "9502 BE22 B497 5112 FBE0 BFC9 8ADE 1206 AA55 BC66",
		fpr3: "v3sha256: CB18 6C4F 0609 A697 E4D5 2DFA 6C72 2B0C 1F1E 27C1 8A56 708F 6525 EC27 BAD9 ACC9",
	} {
		got := f.Grouped()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if back, err := verify.ParseFingerprint(got); back != f || err != nil {
			t.Errorf("got back %q, %v", back, err)
		}
	}
}

func FuzzParseFingerprint(f *testing.F) {
	for _, s := range []string{fpr4, fpr6, fpr3, "0x", "FBEO", "９５", "\xff\xfe", strings.Repeat("O", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := verify.ParseFingerprint(s)
		if err != nil {
			if bad, ok := errors.AsType[*verify.FingerprintError](err); !ok || bad.Error() == "" {
				t.Fatalf("got %v, want a *FingerprintError", err)
			}
			return
		}
		digits := strings.TrimPrefix(string(got), "v3sha256:")
		if n := len(digits); n != 64 && (n != 40 || got.IsV3()) {
			t.Fatalf("got %d digits", n)
		}
		if again, err := verify.ParseFingerprint(got.Grouped()); err != nil || again != got {
			t.Fatalf("%q does not come back: %q, %v", got, again, err)
		}
	})
}
