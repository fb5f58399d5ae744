package inspect_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/cab/cabtest"
	"patchferry/mirror/inspect"
)

// need returns where a program is. Without it the test is skipped, or fails if
// PATCHFERRY_REQUIRE names it.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), name) {
		t.Fatalf("needs %s, which PATCHFERRY_REQUIRE names", name)
	}
	t.Skipf("SKIP: needs %s", name)
	return ""
}

const (
	mum = "\xef\xbb\xbf" + `<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0" description="Fix for KB976932">
  <assemblyIdentity name="Package_for_KB976932" version="6.1.1.17514" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" />
  <package identifier="KB976932" applicabilityEvaluation="deep" releaseType="Security Update" restart="possible">
    <parent><assemblyIdentity name="Microsoft-Windows-Foundation-Package" version="6.1.7600.16385" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" /></parent>
  </package>
</assembly>`
	servicing = `<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <servicing><package action="install">
    <assemblyIdentity name="Package_for_KB2533552" version="6.1.1.1" language="de-DE" processorArchitecture="x86" publicKeyToken="31bf3856ad364e35"/>
    <source location="%configsetroot%\Windows6.1-KB2533552-x86.CAB"/>
  </package></servicing>
</unattend>`
	inf = "; Intel\r\n[Version]\r\nSignature = \"$Windows NT$\"\r\nClass=Net ; network\r\nClassGUID={4d36e972-e325-11ce-bfc1-08002be10318}\r\n" +
		"Provider=%Intel%\r\nCatalogFile.NTx86=e1k.cat\r\nDriverVer=09/12/2011,12.18.9.23\r\n[Manufacturer]\r\nClass=Wrong\r\n"
	browserINF = "[version]\r\nsignature=\"$CHICAGO$\"\r\nAdvancedINF=2.0\r\n[Add.Code]\r\na.ocx=a.ocx\r\n"

	product = "{12345678-ABCD-4321-8765-0123456789AB}"
	patch   = "{FEDCBA98-0123-4567-89AB-CDEF01234567}"
)

func cabinet(method int, members ...string) []byte {
	c := cabtest.Cabinet{Method: method}
	for i := 0; i < len(members); i += 2 {
		c.Files = append(c.Files, cabtest.File{Name: members[i], Data: []byte(members[i+1])})
	}
	return c.Bytes()
}

func utf16LE(s string) []byte { return append([]byte{0xff, 0xfe}, le(utf16.Encode([]rune(s)))...) }

type pack struct {
	name  string // of the file
	bytes []byte
	kind  layout.Kind
	want  *layout.Package
}

// programs are the packages of the time before Windows Vista, and their like.
func programs() map[string]pack {
	engine := program{words: map[string]string{"ProductName": "Update"}, number: [4]uint16{5, 3, 18, 6}}.bytes()
	updateCab := cabinet(cabtest.MSZIP, `update\update.exe`, string(engine), `update\update.inf`, "[Version]", "srv.dll", "x")
	properties := map[string]string{
		"ProductName": "Windows XP Update Package", "ProductVersion": "1", "Installer Engine": "update.exe", "Installer Version": "6.1.22.4",
	}
	with := func(key, value string) map[string]string {
		m := maps.Clone(properties)
		m[key] = value
		return m
	}
	words := func(pairs ...string) map[string]string {
		return map[string]string{pairs[0]: pairs[1], pairs[2]: pairs[3]}
	}
	return map[string]pack{
		"Update.exe by its property": {"kb835732.exe", program{words: properties}.bytes(), layout.KindUpdate,
			&layout.Package{Title: "Windows XP Update Package", Version: "1", Engine: "6.1.22.4"}},
		"Update.exe by its cabinet": {"Q311967_W2K_SP3_x86_en.exe", program{appended: append(updateCab, "a signature"...)}.bytes(), layout.KindUpdate,
			&layout.Package{Engine: "5.3.18.6"}},
		"Hotfix.exe": {"Q249599.exe", program{words: map[string]string{}, appended: cabinet(cabtest.LZX, "hotfix.exe", string(engine), "HOTFIX.INF", "[Version]")}.bytes(),
			layout.KindHotfix, &layout.Package{Version: "0.0.0.0", Engine: "5.3.18.6"}},
		"service pack by its folder": {"pack.exe", program{appended: cabinet(cabtest.MSZIP, `i386\update\update.exe`, string(engine), `i386\update\update.inf`, "x")}.bytes(),
			layout.KindServicePack, &layout.Package{Engine: "5.3.18.6"}},
		"service pack by its words": {"pack.exe", program{words: with("Package Type", "Service Pack")}.bytes(), layout.KindServicePack,
			&layout.Package{Title: "Windows XP Update Package", Version: "1", Engine: "6.1.22.4"}},
		"service pack by its name": {"WindowsXP-KB936929-SP3-x86-ENU.exe", program{words: properties}.bytes(), layout.KindServicePack,
			&layout.Package{Title: "Windows XP Update Package", Version: "1", Engine: "6.1.22.4"}},
		"IExpress by its resource":   {"274548USA8.EXE", program{resource: cabinet(cabtest.MSZIP, "274548UP.INF", "x")}.bytes(), layout.KindIExpress, &layout.Package{}},
		"IExpress around Update.exe": {"ie.exe", program{resource: updateCab}.bytes(), layout.KindIExpress, &layout.Package{}},
		"IExpress by its name": {"setup.exe", program{words: words("InternalName", "Wextract", "ProductName", "Internet Explorer"), wide: true}.bytes(), layout.KindIExpress,
			&layout.Package{Title: "Internet Explorer", Version: "0.0.0.0"}},
		".NET in IExpress": {"setup.exe", program{words: words("ProductName", "Microsoft .NET Framework 1.1", "FileVersion", "1.1.4322.573"), resource: updateCab}.bytes(), layout.KindDotNet,
			&layout.Package{Title: "Microsoft .NET Framework 1.1", Version: "1.1.4322.573"}},
		"Defender": {"am_delta.exe", program{words: words("FileDescription", "AntiMalware Definition Update", "ProductVersion", "1.459.553.0")}.bytes(), layout.KindDefender,
			&layout.Package{Title: "AntiMalware Definition Update", Version: "1.459.553.0"}},
		"Office": {"office.exe", program{words: words("OriginalFilename", "opatchinst.exe", "ProductName", "2007 Microsoft Office system")}.bytes(), layout.KindOffice,
			&layout.Package{Title: "2007 Microsoft Office system", Version: "0.0.0.0"}},
		"program that says nothing": {"setup.exe", program{}.bytes(), "", &layout.Package{}},
		"program of DOS":            {"setup.exe", append([]byte("MZ"), make([]byte, 100)...), "", &layout.Package{}},
		"program by another name":   {"a.msu", program{}.bytes(), layout.KindExe, &layout.Package{}},
		"words that are no words": {"setup.exe", program{words: words("ProductName", "A\x07 bell\r\nand "+strings.Repeat("é", 300), "ProductVersion", " 1 ")}.bytes(), "",
			&layout.Package{Title: "A bell and " + strings.Repeat("é", 189), Version: "1"}},
	}
}

// others are all other packages.
func others() map[string]pack {
	inner := cabinet(cabtest.LZX, `amd64_x\a.dll`, strings.Repeat("library ", 9_000), "update.mum", mum)
	identity := &layout.Package{Identity: "Package_for_KB976932~31bf3856ad364e35~amd64~~6.1.1.17514", Version: "6.1.1.17514", Restart: "possible"}
	msu := cabinet(cabtest.Stored, "WSUSSCAN.cab", "x", "Windows6.1-KB2533552-x86.cab", string(inner), "Windows6.1-KB2533552-x86.xml", servicing)
	language := &layout.Package{Identity: "Package_for_KB976932~31bf3856ad364e35~amd64~~6.1.1.17514", Version: "6.1.1.17514", Restart: "possible"}
	driver := &layout.Package{Title: "Net", Version: "12.18.9.23", Catalog: "e1k.cat"}
	title := map[uint32]string{2: "Installation Database", 3: "Tool f\xfcr Netze", 7: "Intel;1033", 9: patch}
	msi := compound{"{000C1084-0000-0000-C000-000000000046}", append(properties(1252, false, [][2]string{
		{"Manufacturer", "Nobody"}, {"ProductName", "Werkzeug f\xfcr Netze"}, {"ProductCode", strings.ToLower(product)}, {"ProductVersion", "1.2.3"},
	}), summary(1252, title))}
	long := compound{"", append(properties(65001, true, [][2]string{{"ProductCode", product}, {"ProductName", "网络"}, {"ProductVersion", "4.5"}}), summary(932, title))}
	msp := compound{"{000C1086-0000-0000-C000-000000000046}", []compoundStream{summary(1252, map[uint32]string{
		2: "Patch", 3: "Security Update (KB1)", 7: product + ";" + strings.ToLower(patch) + ";rubbish", 9: strings.ToLower(patch) + product,
	})}}
	return map[string]pack{
		"MSU":            {"a.msu", msu, layout.KindMSU, language},
		"MSU by content": {"update.cab", msu, layout.KindMSU, language},
		"MSU without more": {"a.msu", cabinet(cabtest.MSZIP, "a.xml", servicing), layout.KindMSU,
			&layout.Package{Identity: "Package_for_KB2533552~31bf3856ad364e35~x86~de-DE~6.1.1.1", Version: "6.1.1.1"}},
		"MSU as WIM":              {"a.msu", []byte("MSWIM\x00\x00\x00\xd0"), layout.KindMSU, &layout.Package{}},
		"WIM":                     {"install.wim", []byte("MSWIM\x00\x00\x00\xd0"), layout.KindWIM, &layout.Package{}},
		"ESD":                     {"install.esd", []byte("MSWIM\x00\x00\x00\xd0"), layout.KindESD, &layout.Package{}},
		"WIM by another name":     {"a.cab", []byte("MSWIM\x00\x00\x00\xd0"), layout.KindWIM, &layout.Package{}},
		"CBS package":             {"a.cab", inner, layout.KindCAB, identity},
		"CBS package, UTF-16":     {"a.cab", cabinet(cabtest.Stored, "update.mum", string(utf16LE(strings.Replace(mum[3:], "utf-8", "utf-16", 1)))), layout.KindCAB, identity},
		"driver":                  {"e1000.cab", cabinet(cabtest.MSZIP, "e1k.cat", "x", "browser.inf", browserINF, `NDIS5\e1k.inf`, inf), layout.KindDriverCAB, driver},
		"driver, UTF-16":          {"e1000.cab", cabinet(cabtest.LZX, "e1k.inf", string(utf16LE(inf))), layout.KindDriverCAB, driver},
		"component, no driver":    {"flash.cab", cabinet(cabtest.MSZIP, "flash.inf", browserINF, "flash.ocx", "x"), "", &layout.Package{}},
		"plain cabinet":           {"a.cab", cabinet(cabtest.Stored, "a.msp", "x"), "", &layout.Package{}},
		"cabinet by another name": {"a.exe", cabinet(cabtest.Stored, "a.txt", "x"), layout.KindCAB, &layout.Package{}},
		"INF":                     {"e1k.inf", []byte(inf), layout.KindDriverINF, driver},
		"INF of something else":   {"autorun.inf", []byte("[autorun]\r\nopen=a.exe\r\n"), "", nil},
		"MSI":                     {"a.msi", msi.bytes(), layout.KindMSI, &layout.Package{Title: "Werkzeug für Netze", Version: "1.2.3", Product: product}},
		"MSI by content":          {"setup.exe", long.bytes(), layout.KindMSI, &layout.Package{Title: "网络", Version: "4.5", Product: product}},
		"MSP":                     {"a.msp", msp.bytes(), layout.KindMSP, &layout.Package{Title: "Security Update (KB1)", Patch: patch, Targets: []string{product, patch}}},
		"transform":               {"a.mst", compound{"{000C1082-0000-0000-C000-000000000046}", []compoundStream{summary(1252, title)}}.bytes(), "", nil},
		"document":                {"a.doc", compound{"{00020906-0000-0000-C000-000000000046}", []compoundStream{{"WordDocument", make([]byte, 5000)}}}.bytes(), "", nil},
		"nothing":                 {"a.exe", nil, "", nil},
		"one byte":                {"a.msi", []byte("M"), "", nil},
		"text":                    {"readme.txt", []byte("Read me."), "", nil},
	}
}

func look(p pack) (inspect.Found, error) {
	return inspect.File(bytes.NewReader(p.bytes), int64(len(p.bytes)), p.name)
}

func TestKinds(t *testing.T) {
	all := programs()
	maps.Copy(all, others())
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			got, err := look(p)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != p.kind {
				t.Errorf("got kind %q, want %q", got.Kind, p.kind)
			}
			if diff := cmp.Diff(p.want, got.Package); diff != "" {
				t.Errorf("package (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDamaged cuts packages short: what is found until then counts, and the error
// says what is wrong.
func TestDamaged(t *testing.T) {
	all := others()
	cut := func(name string, n int) pack {
		p := all[name]
		p.bytes = p.bytes[:len(p.bytes)-n]
		return p
	}
	disks := pack{name: "a.cab", bytes: cabtest.Cabinet{Files: []cabtest.File{{Name: "a", Data: []byte("b")}}, Flags: 2}.Bytes()}
	wrong := pack{name: "a.cab", bytes: cabinet(cabtest.Stored, "update.mum", "<assembly><assemblyIdentity")}
	circle := pack{name: "a.msi", bytes: slices.Clone(all["MSI"].bytes)}
	for at := len(circle.bytes) - 512; at < len(circle.bytes); at += 4 { // the allocation table
		if binary.LittleEndian.Uint32(circle.bytes[at:]) == end {
			binary.LittleEndian.PutUint32(circle.bytes[at:], 0)
		}
	}
	for name, tt := range map[string]struct {
		pack
		kind layout.Kind
		says string
	}{
		"MSI in a circle":             {circle, "", "runs in a circle"},
		"cabinet":                     {cut("CBS package", 1), "", "not a good cabinet"},
		"cabinet by another name":     {cut("cabinet by another name", 1), layout.KindCAB, "not a good cabinet"},
		"cabinet of several":          {disks, "", "several disks"},
		"XML that ends in an element": {wrong, layout.KindCAB, "the XML of a package"},
		"MSI without its end":         {cut("MSI", 1000), "", "compound file"},
		"half a head":                 {cut("MSP", len(all["MSP"].bytes)-100), "", "compound file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := look(tt.pack)
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("got %v, want an error that names %s and says %q", err, tt.name, tt.says)
			}
			if got.Kind != tt.kind {
				t.Errorf("got kind %q, want %q", got.Kind, tt.kind)
			}
		})
	}
}

func TestThoseOfWixl(t *testing.T) {
	wixl := need(t, "wixl")
	dir := t.TempDir()
	source := `<?xml version="1.0"?><Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
<Product Name="Ferry" Id="` + product + `" UpgradeCode="` + patch + `" Language="1033" Codepage="1252" Version="1.2.3" Manufacturer="Nobody">
<Package Id="*" Description="d" Comments="c" Manufacturer="Nobody" InstallerVersion="200" Compressed="yes"/>
<Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>
<Directory Id="TARGETDIR" Name="SourceDir"><Component Id="C" Guid="` + patch + `"><File Id="F" Source="a.txt" KeyPath="yes"/></Component></Directory>
<Feature Id="All" Level="1"><ComponentRef Id="C"/></Feature></Product></Wix>`
	large := make([]byte, 17<<20) // of which nothing can be packed
	rand.NewChaCha8([32]byte{}).Read(large)
	for _, text := range []string{"text", string(large)} {
		run(t, dir, map[string]string{"a.wxs": source, "a.txt": text}, wixl, "-o", "a.msi", "a.wxs")
		want := &layout.Package{Title: "Ferry", Version: "1.2.3", Product: product}
		got, err := look(pack{name: "a.msi", bytes: file(t, dir, "a.msi")})
		if diff := cmp.Diff(want, got.Package); err != nil || got.Kind != layout.KindMSI || diff != "" {
			t.Errorf("around %d bytes: got %s, %v (-want +got):\n%s", len(text), got.Kind, err, diff)
		}
	}
}

func TestThoseOfGcab(t *testing.T) {
	gcab := need(t, "gcab")
	dir := t.TempDir()
	run(t, dir, map[string]string{"update.mum": mum, "a.manifest": "x"}, gcab, "-c", "-z", "inner.cab", "a.manifest", "update.mum")
	run(t, dir, map[string]string{"WSUSSCAN.cab": "x", "KB.xml": servicing}, gcab, "-c", "a.msu", "WSUSSCAN.cab", "KB.xml", "inner.cab")
	got, err := look(pack{name: "a.msu", bytes: file(t, dir, "a.msu")})
	want := &layout.Package{Identity: "Package_for_KB2533552~31bf3856ad364e35~x86~de-DE~6.1.1.1", Version: "6.1.1.1", Restart: "possible"}
	if diff := cmp.Diff(want, got.Package); err != nil || got.Kind != layout.KindMSU || diff != "" {
		t.Errorf("got %s, %v (-want +got):\n%s", got.Kind, err, diff)
	}
}

// TestThoseOfMingw looks at a program that a real linker and a real resource
// compiler made, with a cabinet after it.
func TestThoseOfMingw(t *testing.T) {
	gcc, windres := need(t, "x86_64-w64-mingw32-gcc"), need(t, "x86_64-w64-mingw32-windres")
	dir := t.TempDir()
	source := `1 VERSIONINFO
FILEVERSION 6,3,4,1
PRODUCTVERSION 6,3,4,1
BEGIN
 BLOCK "StringFileInfo" BEGIN BLOCK "040904B0" BEGIN
  VALUE "ProductName", "Windows Server 2003 Update Package"
  VALUE "FileVersion", "1"
  VALUE "Installer Engine", "update.exe"
  VALUE "Installer Version", "6.3.4.1"
 END END
 BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x0409, 0x04B0 END
END
`
	run(t, dir, map[string]string{"v.rc": source, "main.c": "int main(void) { return 0; }\n"}, windres, "v.rc", "v.o")
	run(t, dir, nil, gcc, "-s", "-o", "a.exe", "main.c", "v.o")
	b := append(file(t, dir, "a.exe"), cabinet(cabtest.MSZIP, "a.dll", "x")...)
	got, err := look(pack{name: "a.exe", bytes: b})
	want := &layout.Package{Title: "Windows Server 2003 Update Package", Version: "1", Engine: "6.3.4.1"}
	if diff := cmp.Diff(want, got.Package); err != nil || got.Kind != layout.KindUpdate || diff != "" {
		t.Errorf("got %s, %v (-want +got):\n%s", got.Kind, err, diff)
	}
}

func run(t *testing.T, dir string, files map[string]string, program string, args ...string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
}

func file(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
