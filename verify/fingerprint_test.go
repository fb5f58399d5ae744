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
)

func TestParseFingerprint(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"version 4":      {fpr4, fpr4},
		"version 6":      {fpr6, fpr6},
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
		"MD5":               {fpr4[:32], "version 3", 0, ""},
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
	const want = "9502 BE22 B497 5112 FBE0 BFC9 8ADE 1206 AA55 BC66"
	got := verify.Fingerprint(fpr4).Grouped()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if back, err := verify.ParseFingerprint(got); back != fpr4 || err != nil {
		t.Errorf("got back %q, %v", back, err)
	}
}

func FuzzParseFingerprint(f *testing.F) {
	for _, s := range []string{fpr4, fpr6, "0x", "FBEO", "９５", "\xff\xfe", strings.Repeat("O", 40)} {
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
		if n := len(got); n != 40 && n != 64 {
			t.Fatalf("got %d digits", n)
		}
		if again, err := verify.ParseFingerprint(got.Grouped()); err != nil || again != got {
			t.Fatalf("%q does not come back: %q, %v", got, again, err)
		}
	})
}
