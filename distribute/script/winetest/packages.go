package winetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// MSI is a package of the Windows Installer that puts one file into a folder of its
// own below Program Files.
type MSI struct {
	Name    string // of the product, and of the folder
	Product string // product code, {…} in capitals
	Payload []byte // of payload.bin
}

const msiSource = `<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Id="PRODUCT" UpgradeCode="6f3c2b5e-2d0b-4a2c-9a7e-3b1d5f6a7c80" Name="NAME" Version="1.0.0" Manufacturer="Example" Language="1033">
    <Package InstallerVersion="200" Compressed="yes"/>
    <Media Id="1" Cabinet="sample.cab" EmbedCab="yes"/>
    <Directory Id="TARGETDIR" Name="SourceDir">
      <Directory Id="ProgramFilesFolder">
        <Directory Id="INSTALLDIR" Name="NAME">
          <Component Id="file" Guid="0b8e6a3c-53d1-4c2f-9d0e-7f7c1a2b3c4d">
            <File Id="payload" Name="payload.bin" Source="payload.bin" KeyPath="yes"/>
          </Component>
        </Directory>
      </Directory>
    </Directory>
    <Feature Id="all" Level="1"><ComponentRef Id="file"/></Feature>
  </Product>
</Wix>
`

// Build returns the package. Where there is no wixl the test is skipped, or fails if
// PATCHFERRY_REQUIRE names it.
func (m MSI) Build(t testing.TB) []byte {
	t.Helper()
	source := strings.NewReplacer("PRODUCT", strings.Trim(m.Product, "{}"), "NAME", m.Name).Replace(msiSource)
	dir := folder(t, map[string][]byte{"sample.wxs": []byte(source), "payload.bin": m.Payload})
	return made(t, dir, "sample.msi", Judge(t, "wixl"), "-o", "sample.msi", "sample.wxs")
}

// Installed returns the file that the package puts there, and whether it is there.
func (m MSI) Installed(t testing.TB, w *Windows) (name string, ok bool) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.Path("Program Files*"), m.Name, "payload.bin"))
	if err != nil || len(found) > 1 {
		t.Fatalf("installed files: %v, %v", found, err)
	}
	if len(found) == 0 {
		return "", false
	}
	return found[0], true
}

// MSU is a package of the Windows Update Standalone Installer, as small as one can be,
// which puts a text into a file of system32.
type MSU struct {
	KB   string // digits
	Text string // of system32\kbKB.txt
}

const (
	msuUnattend = `<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend"><servicing><package action="install">
<assemblyIdentity name="Package_for_KBNUMBER" version="6.1.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"/>
<source location="%configsetroot%\Windows6.1-KBNUMBER-x64.CAB"/>
</package></servicing></unattend>
`
	msuPackage = `<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">
<assemblyIdentity name="Package_for_KBNUMBER" version="6.1.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"/>
<package identifier="KBNUMBER" releaseType="Update"><update name="KBNUMBER"><component>
<assemblyIdentity name="sample" version="6.1.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"/>
</component></update></package></assembly>
`
	msuComponent = `<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">
<assemblyIdentity name="sample" version="6.1.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"/>
<file name="kbNUMBER.txt" sourceName="kbNUMBER.txt" destinationPath="$(runtime.system32)\"/>
<registryKeys><registryKey keyName="HKEY_LOCAL_MACHINE\SOFTWARE\Sample\KBNUMBER"><registryValue name="text" valueType="REG_SZ" value="from the package"/></registryKey></registryKeys>
</assembly>
`
)

// Build returns the package. Where there is no gcab the test is skipped, or fails if
// PATCHFERRY_REQUIRE names it.
func (m MSU) Build(t testing.TB) []byte {
	t.Helper()
	gcab := Judge(t, "gcab")
	put := func(s string) []byte { return []byte(strings.ReplaceAll(s, "NUMBER", m.KB)) }
	inner := folder(t, map[string][]byte{
		"update.mum": put(msuPackage), "sample.manifest": put(msuComponent), "sample/kb" + m.KB + ".txt": []byte(m.Text),
	})
	cab := made(t, inner, "inner.cab", gcab, "-c", "inner.cab", "update.mum", "sample.manifest", "sample/kb"+m.KB+".txt")
	name := "Windows6.1-KB" + m.KB + "-x64"
	outer := folder(t, map[string][]byte{name + ".xml": put(msuUnattend), name + ".cab": cab})
	return made(t, outer, "outer.msu", gcab, "-c", "-n", "outer.msu", name+".xml", name+".cab")
}

// Installed returns the file that the package puts there.
func (m MSU) Installed(w *Windows) string { return w.Path(`C:\windows\system32\kb` + m.KB + ".txt") }

// folder makes a folder with files.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// made runs a program in a folder and returns the file that it makes there.
func made(t testing.TB, dir, file, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
