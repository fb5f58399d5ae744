package bulletins_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/mirror/upstream/bulletins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What follows is as good as real for who does not check it.
const (
	signed    = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\nEX06-012\n-----BEGIN PGP SIGNATURE-----\n\naGVsbG8sIHdvcmxk\n=dfop\n-----END PGP SIGNATURE-----\n"
	signature = "-----BEGIN PGP SIGNATURE-----\n\naGVsbG8sIHdvcmxk\n=dfop\n-----END PGP SIGNATURE-----\n"
	public    = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGVsbG8sIHdvcmxk\n=dfop\n-----END PGP PUBLIC KEY BLOCK-----\n"
	mail      = "From: secure@publisher.example\nSubject: EX06-012\n\n" + signed
	from      = "From secure@publisher.example Tue Dec 10 09:00:00 2002\n"
)

// write puts files into dir, by path.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func list(t testing.TB, f *bulletins.Folder, prev json.RawMessage) *layout.AnnouncedList {
	t.Helper()
	l, err := f.List(t.Context(), prev)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func get(t testing.TB, f *bulletins.Folder, name string) *layout.Announcement {
	t.Helper()
	a, err := f.Get(t.Context(), layout.Announced{Name: name}, layout.Validators{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func names(l *layout.AnnouncedList) []string {
	all := []string{}
	for _, item := range l.Items {
		all = append(all, item.Name)
	}
	return all
}

func problems(l *layout.AnnouncedList) []string {
	all := []string{}
	for _, err := range l.Problems {
		all = append(all, err.Error())
	}
	return all
}

func mailID(raw string) string { return layout.DigestOf([]byte(raw)).String()[:16] }

func TestFolderLists(t *testing.T) {
	box := from + mail + "\n" + from + "To: a\n\nb\n"
	for _, test := range []struct {
		name     string
		files    map[string]string
		items    []string // names
		problems []string
		keys     int
	}{
		{"nothing", nil, []string{}, []string{}, 0},
		{"documents", map[string]string{
			"a.txt": "text", "b.asc": signed, "c.eml": mail, "d.msg": mail, "e.json": "{}", "f.xml": "<a/>", "2004/G.TXT": "text",
			"no.exe": "MZ", "page.html": "<pre>" + signed, "picture": "\x89PNG",
		}, []string{"2004/G.TXT", "a.txt", "b.asc", "c.eml", "d.msg", "e.json", "f.xml"}, []string{}, 0},
		{"no extension", map[string]string{
			"README": "read me", "MS06-012": "\n" + signed, "sent": "From: a\nContent-Type: multipart/signed; boundary=b\n\n--b", "inbox": box,
		}, []string{"MS06-012", "inbox/" + mailID(mail), "inbox/" + mailID("To: a\n\nb\n"), "sent"}, []string{}, 0},
		{"what stands beside", map[string]string{
			"a.json": "{}", "a.json.asc": signature, "a.json.sha256": "00", "a.json.sha512": "00", "b.txt": "b", "b.txt.sig": "\x89\x01",
			"c.sha256": "00",
		}, []string{"a.json", "b.txt"}, []string{}, 0},
		{"other files with signatures", map[string]string{"a.patch": "text", "a.patch.asc": signature, "b.exe": "MZ\x00", "b.exe.asc": signature, "c.patch": "text",
			"d.patch": "text", "d.patch.asc": signed, "README": "text", "README.sig": "\x89", "LIES": "text", "LIES.asc": signature},
			[]string{"LIES", "README", "a.patch", "d.patch.asc"}, []string{}, 0},
		{"signed text in other text", map[string]string{"post.md": strings.Repeat("a\n", 20_000) + signed, "notes.md": "none", "long": strings.Repeat("a\n", 3<<20) + signed},
			[]string{"post.md"}, []string{}, 0},
		{"a text that lost its signature", map[string]string{"a.asc": "- -----\ntext\n"}, []string{"a.asc"}, []string{}, 0},
		{"a signed text beside its text", map[string]string{"a.txt": "EX06-012", "a.txt.asc": signed}, []string{"a.txt", "a.txt.asc"}, []string{}, 0},
		{"a signature alone", map[string]string{"a.json.asc": signature, "b.sig": "\x89\x00"}, []string{}, []string{
			`"a.json.asc": a signature without the document that it signs`,
			`"b.sig": holds no text`,
		}, 0},
		{"keys", map[string]string{"pub.asc": "The key:\n" + public, "k.key": public, "k.txt": public, "d.asc": signed + public, "secret.asc": strings.ReplaceAll(public, "PUBLIC", "PRIVATE"),
			"b.key": "\x99", "big.key": public + strings.Repeat("a", 1<<20)},
			[]string{"d.asc"}, []string{
				`"b.key": called a key and holds none that is armored`, `"big.key": a file of keys with more than 1048576 bytes`,
				`"secret.asc": holds a secret key, which has no place here`,
			}, 3},
		{"no texts", map[string]string{"a.txt": "a\x00b", "b.msg": "\xd0\xcf\x11\xe0\xa1\xb1", "c.xml": "\xff\xfe<\x00a\x00"}, []string{"c.xml"}, []string{
			`"a.txt": holds no text`, `"b.msg": a message in the format of Outlook; save it as text or .eml`,
		}, 0},
		{"too long", map[string]string{"a.txt": strings.Repeat("a", bulletins.MaxDocument), "b.txt": strings.Repeat("a", bulletins.MaxDocument+1)},
			[]string{"a.txt"}, []string{`"b.txt": has more than 4194304 bytes`}, 0},
		{"a Maildir", map[string]string{
			"M/cur/1.a.host:2,S": mail, "M/cur/2.b.host,S=4:2,": mail, "M/new/3.c.host": mail, "M/tmp/4.d.host": mail, "M/cur/.x": mail,
			"M/.Sent/cur/5.e.host:2,RS": mail, "M/.Sent/new/6.f.host": mail, "M/.Sent/tmp/7": mail, "M/dovecot-uidlist": "3 V1",
		}, []string{"M/.Sent/5.e.host", "M/.Sent/6.f.host", "M/1.a.host", "M/2.b.host,S=4", "M/3.c.host"}, []string{}, 0},
		{"a mail that is being moved", map[string]string{"cur/1.a:2,": mail, "new/1.a": mail, "tmp/x": mail}, []string{"1.a"}, []string{}, 0},
		{"names that meet", map[string]string{"cur/1.txt:2,": mail, "new/2": mail, "1.txt": "text"}, []string{"1.txt", "2"}, []string{`"cur/1.txt:2,": has the name of "1.txt"`}, 0},
		{"an MH folder", map[string]string{"inbox/1": mail, "inbox/27": mail, "inbox/.mh_sequences": "cur: 1"}, []string{"inbox/1", "inbox/27"}, []string{}, 0},
		{"a mailbox with a mail twice", map[string]string{"a.mbox": box + "\n" + box}, []string{"a.mbox/" + mailID(mail), "a.mbox/" + mailID("To: a\n\nb\n")}, []string{}, 0},
		{"a mailbox with a mail that is too long", map[string]string{"a.mbox": from + "To: a\n\n" + strings.Repeat("a", bulletins.MaxDocument) + "\n\n" + box},
			[]string{"a.mbox/" + mailID(mail), "a.mbox/" + mailID("To: a\n\nb\n")}, []string{`"a.mbox": mail 1: the mail has more than 4194304 bytes`}, 0},
		{"hidden files", map[string]string{".a.txt": "a", ".git/b.txt": "b", "~c.txt": "c"}, []string{"~c.txt"}, []string{}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(test.name, "Maildir") {
				t.Skip("SKIP: no colons in names")
			}
			dir := t.TempDir()
			write(t, dir, test.files)
			got := list(t, &bulletins.Folder{Path: dir}, nil)
			items := names(got)
			slices.Sort(items)
			slices.Sort(test.items)
			if diff := cmp.Diff(test.items, items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.problems, problems(got)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if len(got.Keys) != test.keys {
				t.Errorf("got %d keys, want %d", len(got.Keys), test.keys)
			}
			for _, item := range got.Items {
				if item.Stamp == "" || item.File == "" || !strings.HasPrefix(item.By, dir) {
					t.Errorf("got item %+v", item)
				}
			}
		})
	}
}

func TestFolderGets(t *testing.T) {
	dir := t.TempDir()
	second := "To: a\n\n>From b\n"
	write(t, dir, map[string]string{
		"a.json": "{}", "a.json.asc": signature, "a.json.sha256": "00", "a.json.sha512": "11",
		"b.txt": "text", "b.txt.asc": signed, "b.txt.sig": "\x89\x01",
		"c.txt": "text", "c.txt.asc": "",
		"in.mbox": from + mail + "\n" + from + second, "in.mbox.asc": signature,
		"M/cur/1.a:2,S": mail, "M/new/x": "", "7": mail,
	})
	f := &bulletins.Folder{Path: dir}
	files := map[string]string{}
	for _, item := range list(t, f, nil).Items {
		files[item.Name] = item.File
	}
	unescaped := "To: a\n\nFrom b\n"
	for _, test := range []struct {
		name, file, body, sig, sigFile string
		sums                           []layout.Sum
	}{
		{"a.json", "a.json", "{}", signature, "a.json.asc", []layout.Sum{{Name: "a.json.sha256", Text: []byte("00")}, {Name: "a.json.sha512", Text: []byte("11")}}},
		{"b.txt", "b.txt", "text", "\x89\x01", "b.txt.sig", nil},
		{"b.txt.asc", "b.txt.asc", signed, "", "", nil},
		{"c.txt", "c.txt", "text", "", "c.txt.asc", nil},
		{"in.mbox/" + mailID(mail), "in-" + mailID(mail) + ".eml", mail, "", "", nil},
		{"in.mbox/" + mailID(unescaped), "in-" + mailID(unescaped) + ".eml", unescaped, "", "", nil},
		{"M/1.a", "1.a.eml", mail, "", "", nil},
		{"7", "7.eml", mail, "", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := get(t, f, test.name)
			if files[test.name] != test.file {
				t.Errorf("got file %q, want %q", files[test.name], test.file)
			}
			if string(a.Original) != test.body || string(a.Signature) != test.sig || a.SigFile != test.sigFile {
				t.Errorf("got %q signed by %q of %q, want %q, %q and %q", a.Original, a.Signature, a.SigFile, test.body, test.sig, test.sigFile)
			}
			if (a.Signature != nil) != (test.sigFile != "") {
				t.Errorf("got signature %v", a.Signature)
			}
			if diff := cmp.Diff(test.sums, a.Sums); diff != "" {
				t.Errorf("sums (-want +got):\n%s", diff)
			}
			if a.At.IsZero() || a.NotModified {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// TestFolderIsOneFile points at a file: a mailbox, or a document with what
// stands beside it.
func TestFolderIsOneFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.json": "{}", "a.json.asc": signature, "b.json": "{}", "in": from + mail})
	f := &bulletins.Folder{Path: filepath.Join(dir, "a.json")}
	if got := names(list(t, f, nil)); !slices.Equal(got, []string{"a.json"}) {
		t.Errorf("got items %q", got)
	}
	if a := get(t, f, "a.json"); string(a.Signature) != signature {
		t.Errorf("got signature %q", a.Signature)
	}
	f = &bulletins.Folder{Path: filepath.Join(dir, "in")}
	if got := names(list(t, f, nil)); !slices.Equal(got, []string{"in/" + mailID(mail)}) {
		t.Errorf("got items %q", got)
	}
}

func TestFolderThatIsNone(t *testing.T) {
	_, err := (&bulletins.Folder{Path: filepath.Join(t.TempDir(), "none")}).List(t.Context(), nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := (&bulletins.Folder{Path: os.DevNull}).List(t.Context(), nil); err == nil {
		t.Error("a device was listed")
	}
}

// TestFolderStaysInside has links out of the folder, and things that are no
// files.
func TestFolderStaysInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"secret.txt": "secret", "d/e.txt": "e"})
	write(t, dir, map[string]string{"a.txt": "a", "d/b.txt": "b", "good.json": "{}"})
	for name, target := range map[string]string{
		"out.txt": filepath.Join(outside, "secret.txt"), "up.txt": "../" + filepath.Base(outside) + "/secret.txt", "folder": outside,
		"good.json.asc": filepath.Join(outside, "secret.txt"), "dangling.txt": "nowhere", "in.txt": "a.txt", "loop": ".", "picture.png": outside,
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "symlink") {
				t.Fatal("needs symbolic links, as PATCHFERRY_REQUIRE says")
			}
			t.Skip("SKIP: no symbolic links")
		}
	}
	f := &bulletins.Folder{Path: dir}
	got := list(t, f, nil)
	if diff := cmp.Diff([]string{"a.txt", "d/b.txt", "good.json", "in.txt"}, names(got)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	text := strings.Join(problems(got), "\n")
	if len(got.Problems) != 4+1 { // and "folder", which leads out
		t.Errorf("got problems:\n%s", text)
	}
	for _, name := range []string{"out.txt", "up.txt", "good.json.asc", "dangling.txt"} {
		if !strings.Contains(text, fmt.Sprintf("%q: ", name)) {
			t.Errorf("%s is no problem of:\n%s", name, text)
		}
	}
	if a, err := f.Get(t.Context(), layout.Announced{Name: "good.json"}, layout.Validators{}); err == nil {
		t.Errorf("got signature %q from outside", a.Signature)
	}
}

func TestFolderEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.txt": "a"})
	f := &bulletins.Folder{Path: dir}
	list(t, f, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.List(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("List: got %v", err)
	}
	if _, err := f.Get(ctx, layout.Announced{Name: "a.txt"}, layout.Validators{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: got %v", err)
	}
}

// FuzzFolder holds that what is listed can be had, byte for byte, whatever the
// files hold.
func FuzzFolder(f *testing.F) {
	for _, seed := range []string{signed, signature, public, mail, from + mail + "\n" + from + mail, "", "\xff\xfe", from} {
		f.Add("a.asc", []byte(seed), []byte(signature))
		f.Add("box", []byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, name string, content, beside []byte) {
		if name == "" || strings.ContainsAny(name, "/\\\x00:") || len(name) > 100 {
			return
		}
		dir := t.TempDir()
		if os.WriteFile(filepath.Join(dir, name), content, 0o644) != nil || os.WriteFile(filepath.Join(dir, name+".asc"), beside, 0o644) != nil {
			return // no such name
		}
		folder := &bulletins.Folder{Path: dir}
		for _, item := range list(t, folder, nil).Items {
			a, err := folder.Get(t.Context(), item, layout.Validators{})
			if err != nil {
				t.Fatalf("%q: %v", item.Name, err)
			}
			file, id, isMail := strings.Cut(item.Name, "/")
			if isMail && mailID(string(a.Original)) != id {
				t.Fatalf("%q is %q", item.Name, a.Original)
			}
			if isMail {
				continue
			}
			want := content
			if file != name {
				want = beside
			}
			if !bytes.Equal(a.Original, want) {
				t.Fatalf("%q: got %q, want %q", item.Name, a.Original, want)
			}
			if a.Signature != nil && !bytes.Equal(a.Signature, beside) {
				t.Fatalf("%q: got signature %q", item.Name, a.Signature)
			}
		}
	})
}
