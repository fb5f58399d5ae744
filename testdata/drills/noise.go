package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// set is a list of files. Their bytes follow from their names.
type set struct {
	base, name   string
	small, large int
}

// print prints the list, one file a line with its digest, as a source of the
// kind links has it.
func (s *set) print(to io.Writer) error {
	w := bufio.NewWriter(to)
	for i := range s.small + s.large {
		size := int64(1 << 20)
		if i >= s.small {
			size = 100 << 20
		}
		name := fmt.Sprintf("/%s/Windows10-KB%d-x64-%d.exe", s.name, 4000000+i, size)
		sum := sha256.New()
		if _, err := io.Copy(sum, &noise{name: name, size: size}); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s%s size=%d sha256=%x\n", s.base, name, size, sum.Sum(nil))
	}
	return w.Flush()
}

// serveNoise answers for every name that set makes.
func serveNoise(w http.ResponseWriter, r *http.Request) {
	stem := strings.TrimSuffix(path.Base(r.URL.Path), ".exe")
	size, err := strconv.ParseInt(stem[strings.LastIndexByte(stem, '-')+1:], 10, 64)
	if err != nil || size < 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", strconv.Quote(r.URL.Path))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Date(2026, 11, 10, 18, 0, 0, 0, time.UTC), &noise{name: r.URL.Path, size: size})
}

const noiseBlock = 64 << 10

// noise is a file that is not there: each block of it follows from name and
// number. It is an io.ReadSeeker.
type noise struct {
	name   string
	size   int64
	offset int64

	block [noiseBlock]byte
	have  int64 // number of the block, from 1 on
}

func (n *noise) Read(p []byte) (int, error) {
	if n.offset >= n.size {
		return 0, io.EOF
	}
	number, at := n.offset/noiseBlock, n.offset%noiseBlock
	if n.have != number+1 {
		seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(n.name), uint64(number)))
		if _, err := rand.NewChaCha8(seed).Read(n.block[:]); err != nil {
			return 0, err
		}
		n.have = number + 1
	}
	count := copy(p, n.block[at:min(noiseBlock, at+n.size-n.offset)])
	n.offset += int64(count)
	return count, nil
}

func (n *noise) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += n.offset
	case io.SeekEnd:
		offset += n.size
	}
	if offset < 0 {
		return 0, errors.New("before the beginning")
	}
	n.offset = offset
	return offset, nil
}
