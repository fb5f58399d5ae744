package envelope_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"patchferry/verify/envelope"
)

// mails returns the mails of a mailbox, an error as its text in brackets.
func mails(r io.Reader) (all []string, numbers []int) {
	for m, err := range envelope.Messages(r) {
		numbers = append(numbers, m.Number)
		if err != nil {
			all = append(all, "["+err.Error()+"]")
			continue
		}
		all = append(all, string(m.Raw))
	}
	return all, numbers
}

func TestMessages(t *testing.T) {
	const from = "From a@b Thu Jan  1 00:00:00 1970\n"
	long := strings.Repeat("a", 100<<10)
	tooLong := "[the mail has more than 4194304 bytes]"
	for _, test := range []struct {
		name, box string
		want      []string
	}{
		{"nothing", "", nil},
		{"blank lines", "\n\n", nil},
		{"one", from + "To: a\n\nb\n", []string{"To: a\n\nb\n"}},
		{"no line end", from + "To: a\n\nb", []string{"To: a\n\nb"}},
		{"blank lines at the end", from + "To: a\n\nb\n\n\n", []string{"To: a\n\nb\n"}},
		{"blank lines before", "\n\n" + from + "To: a\n\nb\n", []string{"To: a\n\nb\n"}},
		{"two", from + "To: a\n\nb\n\n" + from + "To: c\n\nd\n\n", []string{"To: a\n\nb\n", "To: c\n\nd\n"}},
		{"CRLF", strings.ReplaceAll(from+"To: a\n\n>From b\n\n"+from+"To: c\n\nd\n\n", "\n", "\r\n"), []string{"To: a\r\n\r\nFrom b\r\n", "To: c\r\n\r\nd\r\n"}},
		{"a byte order mark", "\ufeff" + from + "To: a\n\nb\n", []string{"To: a\n\nb\n"}},
		{"escapes", from + "To: a\n\n>From b\n>>From c\n> From d\n>Fromage\n", []string{"To: a\n\nFrom b\n>From c\n> From d\n>Fromage\n"}},
		{"From within a paragraph", from + "To: a\n\nb\nFrom c\nTo: d\n", []string{"To: a\n\nb\nFrom c\nTo: d\n"}},
		{"From at the head of a paragraph", from + "To: a\n\nb\n\nFrom c on\nit goes\n", []string{"To: a\n\nb\n\nFrom c on\nit goes\n"}},
		{"From at the head of a paragraph, far from the last mail", from + "To: a\n\n" + long[:400] + "\n\nFrom c on\n" + long[:400], []string{"To: a\n\n" + long[:400] + "\n\nFrom c on\n" + long[:400]}},
		{"Content-Length", from + "To: a\nContent-Length: 900\n\nb\n\n" + from + "To: c\n\nd\n", []string{"To: a\nContent-Length: 900\n\nb\n", "To: c\n\nd\n"}},
		{"text before", "hello\n\n" + from + "To: a\n\nb\n", []string{"[text before the first mail]", "To: a\n\nb\n"}},
		{"no mailbox", "hello\n", []string{"[text before the first mail]"}},
		{"a long line", from + "To: a\n\n" + long + "\n" + long + "From b\n", []string{"To: a\n\n" + long + "\n" + long + "From b\n"}},
		{"a long line and what looks like a mail behind its first piece", from + "To: a\n\n" + long[:64<<10] + from + "To: b\n", []string{"To: a\n\n" + long[:64<<10] + from + "To: b\n"}},
		{"a long line that ends with a piece", from + "To: a\n\n" + long[:64<<10] + "\n" + from + "To: b\n", []string{"To: a\n\n" + long[:64<<10] + "\n" + from + "To: b\n"}},
		{"a long line with an escape behind its first piece", from + "To: a\n\n" + long[:64<<10] + ">From b\n", []string{"To: a\n\n" + long[:64<<10] + ">From b\n"}},
		{"too long", from + "To: a\n\n" + strings.Repeat(long+"\n", 42) + "\n" + from + "To: c\n\nd\n", []string{tooLong, "To: c\n\nd\n"}},
		{"too long in one line", from + "To: a\n\n" + strings.Repeat(long, 42) + "\n\n" + from + "To: c\n\nd\n", []string{tooLong, "To: c\n\nd\n"}},
		{"too long text before", strings.Repeat(long, 42) + "\n\n" + from + "To: c\n\nd\n", []string{tooLong, "To: c\n\nd\n"}},
		{"an empty mail", from + "\n" + from + "To: a\n\nb\n", []string{"[text before the first mail]", "To: a\n\nb\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := mails(strings.NewReader(test.box))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("mails (-want +got):\n%.2000s", diff)
			}
			if len(test.box) > 1<<20 {
				return
			}
			if slow, _ := mails(iotest.OneByteReader(strings.NewReader(test.box))); !cmp.Equal(slow, got) {
				t.Errorf("read byte by byte: got %.200q, want %.200q", slow, got)
			}
		})
	}
}

func TestMessagesOfBrokenReader(t *testing.T) {
	broken := errors.New("disk on fire")
	box := io.MultiReader(strings.NewReader("From a\nTo: b\n\nc\n\nFrom d\nTo: e\n\nf\n"), iotest.ErrReader(broken))
	var last error
	n := 0
	for m, err := range envelope.Messages(box) {
		n++
		if last = err; err == nil && m.Number != 1 {
			t.Errorf("got mail %d, which was cut off", m.Number)
		}
	}
	if n != 2 || !errors.Is(last, broken) {
		t.Errorf("got %d mails and %v, want one and the error", n, last)
	}
}

func TestMessagesStop(t *testing.T) {
	for range envelope.Messages(strings.NewReader(strings.Repeat("From a\nTo: b\n\nc\n\n", 3))) {
		break // must not be called again
	}
}

func TestMessagesOfGoldenMailbox(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "mails", "archive.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, numbers := mails(f)
	if diff := cmp.Diff([]int{1, 2, 3}, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	for i, want := range []string{"Subject: EX02-070\n", "\nFrom a mail program that escapes\n", "\n\nFrom someone else, this too.\n"} {
		if i < len(got) && !strings.Contains(got[i], want) {
			t.Errorf("mail %d is %q, want %q in it", i+1, got[i], want)
		}
	}
}

func TestIsMailbox(t *testing.T) {
	for head, want := range map[string]bool{
		"From a@b Thu Jan  1 00:00:00 1970\nReturn-Path: <a>\n": true,
		"From -\r\nX-Mozilla-Status: 0001\r\n":                  true,
		"\ufeffFrom a\nTo: b":                                   true,
		"From now on\nall is well\n":                            false,
		"From: a\nTo: b\n":                                      false,
		"From a":                                                false,
		"\nFrom a\nTo: b\n":                                     false,
		"":                                                      false,
	} {
		if got := envelope.IsMailbox([]byte(head)); got != want {
			t.Errorf("IsMailbox(%q) = %v, want %v", head, got, want)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		"", "From a\nTo: b\n\nc\n\nFrom d\nTo: e\n\n>From f\n", "x\n\nFrom a\r\nTo: b\r\n\r\nc\r\n\r\nFrom d\r\nTo: e\r\n",
		"From a\nTo: b\n\nFrom c\nno field\n\n\n", "From \n:\n\nFrom \na:",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, box []byte) {
		number, total := 0, 0
		for m, err := range envelope.Messages(bytes.NewReader(box)) {
			if m.Number < number {
				t.Fatalf("mail %d after mail %d", m.Number, number)
			}
			number, total = m.Number, total+len(m.Raw)
			if err != nil {
				continue
			}
			for again, err := range envelope.Messages(bytes.NewReader(box[m.Offset:])) {
				if err != nil || !bytes.Equal(again.Raw, m.Raw) {
					t.Fatalf("mail %d, read from byte %d, is %q and was %q", m.Number, m.Offset, again.Raw, m.Raw)
				}
				break
			}
			if len(m.Raw) == 0 || len(m.Raw) > envelope.MaxDocument || bytes.HasSuffix(m.Raw, []byte("\n\n")) {
				t.Fatalf("mail %d is %q", m.Number, m.Raw)
			}
		}
		if total > len(box) {
			t.Fatalf("%d bytes of mails in a mailbox of %d", total, len(box))
		}
		if got := number > 0; envelope.IsMailbox(box) && !got {
			t.Fatal("a mailbox without a mail")
		}
	})
}
