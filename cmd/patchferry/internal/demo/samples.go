package demo

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The lists of the publisher, by the name of the source that reads each; the
// kind of the source is its name too.
const (
	listUpdates  = "updates"
	listMetalink = "metalink"
	listLinks    = "links"
)

// sample is one update with one file, or one driver. Names and fields are true
// to life; the bytes are not.
type sample struct {
	list                                   string
	id, kb, title, class, severity         string
	os, arch, language, released, bulletin string
	maker, device, version, hardware       string // of a driver
	file                                   string
	size                                   int  // bytes
	hashed                                 bool // its SHA-1 stands in its name, as Windows Update does it
}

// samples covers three decades, several languages, and each way to name and to
// vouch for a file.
var samples = [...]sample{
	{list: listUpdates, id: "MS00-078-ENU", kb: "269862", title: "Web Server Folder Traversal Vulnerability", class: "security_update", severity: "Critical",
		os: "windowsnt4", arch: "x86", language: "EN", released: "2000-10-17", bulletin: "MS00-078", file: "Q269862i.EXE", size: 131_584},
	{list: listUpdates, id: "Q311967-ENU", kb: "311967", title: "Unchecked Buffer in the Multiple UNC Provider", class: "security_update", severity: "Moderate",
		os: "windows2000", arch: "x86", language: "EN", released: "2002-04-04", bulletin: "MS02-017", file: "Q311967_W2K_SP3_x86_en.exe", size: 304_128},
	{list: listUpdates, id: "MS03-026-RUS", kb: "823980", title: "Переполнение буфера в интерфейсе RPC", class: "security_update", severity: "Critical",
		os: "windows2000", arch: "x86", language: "RU", released: "2003-07-16", bulletin: "MS03-026", file: "Windows2000-KB823980-x86-RUS.exe", size: 912_384},
	{list: listUpdates, id: "MS04-011-ENU", kb: "835732", title: "Security Update for Windows XP", class: "security_update", severity: "Critical",
		os: "windowsxp", arch: "x86", language: "EN", released: "2004-04-13", bulletin: "MS04-011", file: "WindowsXP-KB835732-x86-ENU.EXE", size: 1_437_504},
	{list: listUpdates, id: "MS04-011-DEU", kb: "835732", title: "Sicherheitsupdate für Windows XP", class: "security_update", severity: "Critical",
		os: "windowsxp", arch: "x86", language: "DE", released: "2004-04-13", bulletin: "MS04-011", file: "WindowsXP-KB835732-x86-DEU.EXE", size: 1_441_792},
	{list: listUpdates, id: "MS04-011-JPN", kb: "835732", title: "Windows XP セキュリティ更新プログラム", class: "security_update", severity: "Critical",
		os: "windowsxp", arch: "x86", language: "JA", released: "2004-04-13", bulletin: "MS04-011", file: "WindowsXP-KB835732-x86-JPN.EXE", size: 1_453_056},
	{list: listUpdates, id: "MS08-067-XP-ENU", kb: "958644", title: "Vulnerability in Server Service Could Allow Remote Code Execution", class: "security_update", severity: "Critical",
		os: "windowsxp", arch: "x86", language: "EN", released: "2008-10-23", bulletin: "MS08-067", file: "WindowsXP-KB958644-x86-ENU.exe", size: 647_168},
	{list: listUpdates, id: "MS08-067-2003-ia64", kb: "958644", title: "Security Update for Windows Server 2003 for Itanium-based Systems", class: "security_update", severity: "Critical",
		os: "windowsserver2003", arch: "ia64", language: "EN", released: "2008-10-23", bulletin: "MS08-067", file: "WindowsServer2003-KB958644-ia64-ENU.exe", size: 1_245_184},
	{list: listUpdates, id: "e100-5.1", title: "Network adapter E100", os: "windowsxp", arch: "x86", released: "2003-09-01",
		maker: "Example Networks", device: "Net", version: "5.1.2.0", hardware: `PCI\VEN_8086&DEV_1229`, file: "e100-5.1.2.cab", size: 204_800},
	{list: listUpdates, id: "e1000-12.18", title: "Network adapter E1000", os: "windows10", arch: "x64", released: "2021-06-22",
		maker: "Example Networks", device: "Net", version: "12.18.9.23", hardware: `PCI\VEN_8086&DEV_15B8`, file: "e1000-12.18.9.23.cab", size: 417_792},
	{list: listUpdates, id: "laser-3", title: "Laser printer 3", os: "windows7", arch: "x64", released: "2012-02-14",
		maker: "Beispiel Drucker GmbH", device: "Printer", version: "3.0.1", hardware: `USBPRINT\BEISPIELLASER_3`, file: "laser3_64bit.zip", size: 688_128},
	{list: listUpdates, id: "gfx-466", title: "Display adapter GX", os: "windows11", arch: "x64", released: "2024-11-05",
		maker: "Example Graphics", device: "Display", version: "32.0.15.6603", hardware: `PCI\VEN_10DE&DEV_2684`, file: "gx-32.0.15.6603-win10-win11-64bit.exe", size: 1_966_080},

	{list: listMetalink, file: "Windows6.1-KB976932-X86.exe", size: 1_572_864},
	{list: listMetalink, file: "Windows6.1-KB4012212-x64.msu", size: 1_048_576},
	{list: listMetalink, file: "Windows8.1-KB4012213-x64.msu", size: 983_040},
	{list: listMetalink, file: "windows10.0-kb5034441-x64.msu", size: 524_288},
	{list: listMetalink, file: "windows11.0-kb5046633-x64.msu", size: 1_835_008},
	{list: listMetalink, file: "windows11.0-kb5046633-arm64.msu", size: 1_769_472},

	{list: listLinks, file: "IE6.0sp1-KB832894-Windows-2000-XP-x86-FRA.exe", size: 393_216, hashed: true},
	{list: listLinks, file: "office2003-KB832332-FullFile-ESN.exe", size: 278_528},
	{list: listLinks, file: "NDP1.1sp1-KB867460-X86.exe", size: 360_448, hashed: true},
	{list: listLinks, file: "windowsupdateagent30-x64.exe", size: 614_400},
}

// content returns the file's bytes, the same in every run, beginning as such a
// file does.
func (s *sample) content() []byte {
	b := make([]byte, s.size)
	// Read of a ChaCha8 never fails.
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(s.file))).Read(b)
	switch {
	case strings.HasSuffix(s.file, ".msu"), strings.HasSuffix(s.file, ".cab"):
		copy(b, "MSCF\x00\x00\x00\x00")
	case strings.HasSuffix(s.file, ".zip"):
		copy(b, "PK\x03\x04")
	default:
		copy(b, "MZ\x90\x00")
	}
	return b
}

// updatesList writes the list of the source "updates" (docs/source-updates.md).
func updatesList() ([]byte, error) {
	var list bytes.Buffer
	enc := json.NewEncoder(&list)
	enc.SetEscapeHTML(false)
	for i := range samples {
		s := &samples[i]
		if s.list != listUpdates {
			continue
		}
		line := map[string]any{
			"id": s.id, "title": s.title, "os": []string{s.os}, "arch": []string{s.arch}, "released": s.released,
			"files": []map[string]any{{
				"name": s.file, "size": s.size, "url": "files/" + s.file, "sha256": sum256(s.content()),
			}},
		}
		for key, value := range map[string]string{
			"kb": s.kb, "classification": s.class, "severity": s.severity, "language": s.language,
		} {
			if value != "" {
				line[key] = value
			}
		}
		if s.bulletin != "" {
			line["bulletins"] = []string{s.bulletin}
		}
		if s.maker != "" {
			line["type"] = "driver"
			line["driver"] = map[string]any{
				"maker": s.maker, "class": s.device, "version": s.version, "hardware_ids": []string{s.hardware},
			}
		}
		if err := enc.Encode(line); err != nil {
			return nil, fmt.Errorf("write the list of updates: %w", err)
		}
	}
	return list.Bytes(), nil
}

// metalinkList writes the Metalink 4 document (RFC 5854); base is the
// publisher's URL with a slash at its end.
func metalinkList(base string) ([]byte, error) {
	type hash struct {
		Type  string `xml:"type,attr"`
		Value string `xml:",chardata"`
	}
	type file struct {
		Name string `xml:"name,attr"`
		Size int    `xml:"size"`
		Hash hash   `xml:"hash"`
		URL  string `xml:"url"`
	}
	doc := struct {
		XMLName xml.Name `xml:"urn:ietf:params:xml:ns:metalink metalink"`
		Files   []file   `xml:"file"`
	}{}
	for i := range samples {
		if s := &samples[i]; s.list == listMetalink {
			doc.Files = append(doc.Files, file{s.file, s.size, hash{"sha-256", sum256(s.content())}, base + "files/" + s.file})
		}
	}
	list, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the metalink: %w", err)
	}
	return append([]byte(xml.Header), list...), nil
}

// linksList writes the list of URLs. A file without its SHA-1 in its name has a
// stated SHA-256.
func linksList(base string) []byte {
	var list bytes.Buffer
	fmt.Fprintln(&list, "# what the other lists do not have")
	for i := range samples {
		s := &samples[i]
		switch {
		case s.list != listLinks:
		case s.hashed:
			fmt.Fprintf(&list, "%sfiles/%s\n", base, s.published())
		default:
			fmt.Fprintf(&list, "%sfiles/%s sha256=%s\n", base, s.published(), sum256(s.content()))
		}
	}
	return list.Bytes()
}

// published returns the name under which the publisher has the file.
func (s *sample) published() string {
	if !s.hashed {
		return s.file
	}
	sum := sha1.Sum(s.content())
	return strings.ToLower(strings.TrimSuffix(s.file, ".exe")) + "_" + hex.EncodeToString(sum[:]) + ".exe"
}

func sum256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
