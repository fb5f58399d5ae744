package distribute_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"patchferry/distribute"
)

// BenchmarkServe sends a file of 64 MiB, whole and in ranges of one mebibyte, one that
// the store has and one that is fetched and is here by now: the way of the second must
// cost no more.
func BenchmarkServe(b *testing.B) {
	const size = 64 << 20
	content := randomBytes(71, size)
	g := newGrowing(b, content)
	g.whole(b)
	cold := serveCold(b, &distribute.Server{}, content, g)
	fx := coldFixture(b, content)
	fx.fold(content, g)
	src := fx.folder(b)
	src.put(b, content)
	s := &distribute.Server{Source: src}
	s.Swap(fx.view(b))
	held := start(b, s)
	for _, length := range []int{mebibyte, size} {
		for name, addr := range map[string]string{"held": held.addr, "fetched": cold.addr} {
			b.Run(fmt.Sprintf("%s/%dMiB", name, length>>20), func(b *testing.B) {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				r := bufio.NewReaderSize(conn, 128<<10)
				b.SetBytes(int64(length))
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					first := n * length % size
					fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n", coldPath, first, first+length-1)
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						b.Fatal(err)
					}
					if got, err := io.Copy(io.Discard, res.Body); err != nil || got != int64(length) {
						b.Fatalf("%s: %d bytes, %v", res.Status, got, err)
					}
				}
			})
		}
	}
}
