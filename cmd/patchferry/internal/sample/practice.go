package sample

import (
	"bytes"
	"encoding/binary"
	"strings"

	"patchferry/layout"
)

// Practice is the one update that can be installed: a package of the Windows Update
// Standalone Installer that writes one value of the registry and one text, and nothing
// else. It is for Windows Vista and later, and for Wine.
const (
	PracticeID    = "practice" // native id
	PracticeKB    = "9000001"  // no article has this number
	PracticeKey   = `HKLM\SOFTWARE\patchferry\Practice`
	PracticeValue = "text"
	PracticeText  = "installed"
)

func practice() []Update {
	u := Update{List: "windows", Update: layout.Update{
		ID: PracticeID, KB: PracticeKB, Title: "A package for practice: it writes one value of the registry",
		Description:    "The only sample that can be installed.",
		Classification: layout.Tool, Products: []string{"Windows Vista", "Windows 7", "Windows 10", "Windows 11"},
		OS: []layout.OS{"windowsvista", "windows7", "windows10", "windows11"}, Arch: []layout.Arch{"x64"}, Released: "2025-01-14",
		Install: &layout.Install{Keys: []layout.InstalledKey{{Key: PracticeKey, Value: PracticeValue, Data: PracticeText}}},
	}}
	u.own = [][]byte{practicePackage()}
	u.Files = one("windows6.0-kb"+PracticeKB+"-x64.msu", int64(len(u.own[0])))
	return []Update{u}
}

// The documents of a package of the Windows Update Standalone Installer: what is to be
// done, what the package is called, and what its one component consists of. KB stands
// for the number.
const (
	unattend = `<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend"><servicing><package action="install">
<assemblyIdentity name="Package_for_KB" version="6.0.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"/>
<source location="%configsetroot%\Windows6.0-KB-x64.CAB"/>
</package></servicing></unattend>
`
	packageOf = `<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">
<assemblyIdentity name="Package_for_KB" version="6.0.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"/>
<package identifier="KB" releaseType="Update"><update name="KB"><component>
<assemblyIdentity name="practice" version="6.0.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"/>
</component></update></package></assembly>
`
	component = `<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">
<assemblyIdentity name="practice" version="6.0.1.0" language="neutral" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"/>
<file name="practice.txt" sourceName="practice.txt" destinationPath="$(runtime.system32)\"/>
<registryKeys><registryKey keyName="HKEY_LOCAL_MACHINE\SOFTWARE\patchferry\Practice"><registryValue name="` + PracticeValue + `" valueType="REG_SZ" value="` + PracticeText + `"/></registryKey></registryKeys>
</assembly>
`
)

// practicePackage makes the package, the same on every machine.
func practicePackage() []byte {
	text := func(s string) []byte { return []byte(strings.ReplaceAll(s, "KB", "KB"+PracticeKB)) }
	inner := cabinet([]member{
		{"update.mum", text(packageOf)},
		{"practice.manifest", []byte(component)},
		{`practice\practice.txt`, bytes.Repeat([]byte("This was installed from a package for practice.\r\n"), 300)},
	})
	name := "Windows6.0-KB" + PracticeKB + "-x64"
	return cabinet([]member{{name + ".xml", text(unattend)}, {name + ".cab", inner}})
}

// member is a file in a cabinet.
type member struct {
	name string // at most 256 bytes of ASCII
	body []byte
}

// blockSize is how many bytes a block of a cabinet can have.
const blockSize = 32768

// cabinet makes a cabinet of one folder whose files are stored as they are (Microsoft
// Cabinet Format, sections 2.1 to 2.4), without the checksums that are optional.
func cabinet(members []member) []byte {
	var names, data []byte
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	date := uint16((epoch.Year()-1980)<<9 | int(epoch.Month())<<5 | epoch.Day())
	clock := uint16(epoch.Hour()<<11 | epoch.Minute()<<5 | epoch.Second()/2)
	for _, m := range members {
		names = u32(u32(names, uint32(len(m.body))), uint32(len(data)))
		names = u16(u16(u16(u16(names, 0), date), clock), 0x20)
		names = append(append(names, m.name...), 0)
		data = append(data, m.body...)
	}
	blocks := (len(data) + blockSize - 1) / blockSize
	const header, folder, block = 36, 8, 8
	start := header + folder + len(names)
	out := append(make([]byte, 0, start+len(data)+blocks*block), "MSCF\x00\x00\x00\x00"...)
	out = u32(u32(out, uint32(cap(out))), 0)
	out = u32(u32(out, header+folder), 0)
	out = append(out, 3, 1) // version 1.3
	out = u16(u16(out, 1), uint16(len(members)))
	out = u16(u16(u16(out, 0), 0), 0)
	out = u16(u16(u32(out, uint32(start)), uint16(blocks)), 0)
	out = append(out, names...)
	for len(data) > 0 {
		n := min(len(data), blockSize)
		out = append(u16(u16(u32(out, 0), uint16(n)), uint16(n)), data[:n]...)
		data = data[n:]
	}
	return out
}
