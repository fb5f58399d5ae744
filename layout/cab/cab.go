package cab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrFormat is matched by every error that says that the bytes are no cabinet,
// or not a whole one.
var ErrFormat = errors.New("not a good cabinet")

// ErrUnsupported is matched by errors about what the format has and this
// package does not read: Quantum, and cabinets that lie on several disks.
var ErrUnsupported = errors.New("not supported")

// Limits of the format, and of what is read of it.
const (
	signature    = "MSCF"
	headerSize   = 36
	maxReserve   = 60_000 // bytes of the header's reserved area
	maxDirectory = 8 << 20
	maxName      = 255
	folderSize   = 8
	fileSize     = 16
)

const (
	flagPrevious = 1 << iota
	flagNext
	flagReserve
)

// The folder numbers of members that begin in the cabinet before this one, or
// go on in the one after it.
const (
	fromPrevious = 0xfffd
	toNext       = 0xfffe
	throughBoth  = 0xffff
)

// Method is how the members of a folder are packed.
type Method uint8

// The methods.
const (
	Stored Method = iota
	MSZIP
	Quantum
	LZX
)

func (m Method) String() string {
	switch m {
	case Stored:
		return "stored"
	case MSZIP:
		return "MSZIP"
	case Quantum:
		return "Quantum"
	case LZX:
		return "LZX"
	}
	return fmt.Sprintf("method %d", uint8(m))
}

// File is a member.
type File struct {
	Name     string // as it stands there, in UTF-8; bytes of an unknown code page become U+FFFD
	Size     int64  // bytes, unpacked
	Offset   int64  // where it begins among the unpacked bytes of its folder
	Modified time.Time
	folder   int
}

// folder is a run of blocks in which members lie end to end.
type folder struct {
	start  int64 // of its first block
	blocks int
	method Method
	window uint // bits, of LZX
}

// Cabinet is an open cabinet. It may be used by several goroutines at once if
// its io.ReaderAt may.
type Cabinet struct {
	Files []File // in the order of the cabinet
	Size  int64  // bytes, as its header states; a signature may follow

	r         io.ReaderAt
	folders   []folder
	blockSkip int64 // reserved bytes in each block
}

// Open reads the directory of the cabinet at the beginning of r, which has size
// bytes; bytes after the cabinet are passed over, as there is a signature. It
// reads no member.
func Open(r io.ReaderAt, size int64) (*Cabinet, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	if h.flags&(flagPrevious|flagNext) != 0 {
		return nil, fmt.Errorf("open cabinet: it is one of a set on several disks: %w", ErrUnsupported)
	}
	c := &Cabinet{r: r, Size: int64(h.size)}
	at := int64(headerSize)
	var folderSkip int64
	if h.flags&flagReserve != 0 {
		var b [4]byte
		if err := c.read(b[:], at); err != nil {
			return nil, err
		}
		reserve := int64(binary.LittleEndian.Uint16(b[:]))
		if reserve > maxReserve {
			return nil, bad("%d reserved bytes, more than %d", reserve, maxReserve)
		}
		folderSkip, c.blockSkip = int64(b[2]), int64(b[3])
		at += 4 + reserve
	}
	if err := c.readFolders(at, int(h.folders), folderSkip); err != nil {
		return nil, err
	}
	return c, c.readFiles(int64(h.firstFile), int(h.files))
}

// header is the fixed part of CFHEADER.
type header struct {
	size, firstFile       uint32
	folders, files, flags uint16
}

func readHeader(r io.ReaderAt, size int64) (*header, error) {
	var b [headerSize]byte
	if size < headerSize {
		return nil, bad("%d bytes are too few", size)
	}
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return nil, fmt.Errorf("read cabinet: %w", err)
	}
	h, ok := parseHeader(b[:])
	switch {
	case !ok:
		return nil, bad("it does not begin as one")
	case int64(h.size) > size:
		return nil, bad("its header says %d bytes, and there are %d", h.size, size)
	}
	return h, nil
}

// parseHeader returns false for bytes that are no header of a cabinet.
func parseHeader(b []byte) (*header, bool) {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	if string(b[:4]) != signature || u32(b[4:]) != 0 || u32(b[12:]) != 0 || u32(b[20:]) != 0 || b[24] != 3 || b[25] != 1 {
		return nil, false
	}
	h := &header{size: u32(b[8:]), firstFile: u32(b[16:]), folders: u16(b[26:]), files: u16(b[28:]), flags: u16(b[30:])}
	return h, h.size > headerSize && h.firstFile >= headerSize && h.firstFile < h.size && h.folders > 0 && h.files > 0
}

func (c *Cabinet) readFolders(at int64, n int, skip int64) error {
	b := make([]byte, int64(n)*(folderSize+skip))
	if err := c.read(b, at); err != nil {
		return err
	}
	for ; len(b) > 0; b = b[folderSize+skip:] {
		pack := binary.LittleEndian.Uint16(b[6:])
		f := folder{
			start:  int64(binary.LittleEndian.Uint32(b)),
			blocks: int(binary.LittleEndian.Uint16(b[4:])),
			method: Method(pack & 0xf),
			window: uint(pack>>8) & 0x1f,
		}
		c.folders = append(c.folders, f)
	}
	return nil
}

func (c *Cabinet) readFiles(at int64, n int) error {
	size := min(c.Size-at, maxDirectory)
	dir := make([]byte, min(size, int64(n)*(fileSize+maxName+1)))
	if err := c.read(dir, at); err != nil {
		return err
	}
	c.Files = make([]File, 0, min(n, len(dir)/fileSize))
	for i := range n {
		if len(dir) < fileSize {
			return bad("its directory ends after %d of %d members", i, n)
		}
		f, err := c.parseFile(dir[:fileSize])
		if err != nil {
			return err
		}
		name, _, ends := strings.Cut(string(dir[fileSize:min(len(dir), fileSize+maxName+1)]), "\x00")
		if !ends || name == "" {
			return bad("member %d has no name, or one of more than %d bytes", i, maxName)
		}
		dir = dir[fileSize+len(name)+1:]
		f.Name = strings.ToValidUTF8(name, string(utf8.RuneError))
		c.Files = append(c.Files, f)
	}
	return nil
}

func (c *Cabinet) parseFile(b []byte) (File, error) {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	f := File{Size: int64(u32(b)), Offset: int64(u32(b[4:])), folder: int(u16(b[8:])), Modified: dosTime(u16(b[10:]), u16(b[12:]))}
	switch {
	case f.folder >= fromPrevious:
		return f, fmt.Errorf("open cabinet: a member goes on in another cabinet: %w", ErrUnsupported)
	case f.folder >= len(c.folders):
		return f, bad("a member is in folder %d of %d", f.folder, len(c.folders))
	case f.Offset+f.Size > int64(c.folders[f.folder].blocks)*maxUnpacked:
		return f, bad("a member ends at byte %d of a folder with %d blocks", f.Offset+f.Size, c.folders[f.folder].blocks)
	}
	return f, nil
}

// dosTime reads the date and time of MS-DOS, which have no time zone.
func dosTime(date, clock uint16) time.Time {
	return time.Date(1980+int(date>>9), time.Month(date>>5&0xf), int(date&0x1f), int(clock>>11), int(clock>>5&0x3f), int(clock&0x1f)*2, 0, time.UTC)
}

// read fills b from the cabinet, and never from beyond its end.
func (c *Cabinet) read(b []byte, at int64) error {
	if at < 0 || at+int64(len(b)) > c.Size {
		return bad("it ends too early: %d bytes at %d of %d", len(b), at, c.Size)
	}
	if _, err := c.r.ReadAt(b, at); err != nil && !(errors.Is(err, io.EOF) && len(b) == 0) {
		return fmt.Errorf("read cabinet: %w", err)
	}
	return nil
}

// Method returns how a member is packed.
func (c *Cabinet) Method(f *File) Method { return c.folders[f.folder].method }

func bad(format string, args ...any) error {
	return fmt.Errorf("open cabinet: %s: %w", fmt.Sprintf(format, args...), ErrFormat)
}
