package cab

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// zipFolder reads a folder in MSZIP ([MS-MCI]): each block is "CK" and one
// deflate stream, which may refer to the 32 KiB that the blocks before it
// unpacked to.
type zipFolder struct {
	*blocks
	inflate io.ReadCloser
	out     [maxUnpacked]byte
	dict    []byte // what the blocks before the next unpacked to, at most 32 KiB
	rest    []byte // of out, not handed out yet
}

func (z *zipFolder) Read(p []byte) (int, error) {
	if len(z.rest) == 0 {
		if err := z.unpack(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

func (z *zipFolder) unpack() error {
	b, err := z.next()
	if err != nil {
		return err
	}
	if len(b) < 2 || b[0] != 'C' || b[1] != 'K' {
		return bad("an MSZIP block does not begin with CK")
	}
	packed := bytes.NewReader(b[2:])
	if z.inflate == nil {
		z.inflate = flate.NewReaderDict(packed, z.dict)
	} else if err := z.inflate.(flate.Resetter).Reset(packed, z.dict); err != nil {
		return fmt.Errorf("unpack a cabinet: %w", err)
	}
	out := z.out[:z.unpacked]
	if _, err := io.ReadFull(z.inflate, out); err != nil {
		return bad("an MSZIP block cannot be unpacked: %v", err)
	}
	// A short block, which only the last should be, leaves what was before it in reach.
	z.dict = append(z.dict, out...)
	z.dict = append(z.dict[:0], z.dict[max(0, len(z.dict)-maxUnpacked):]...)
	z.rest = out
	return nil
}
