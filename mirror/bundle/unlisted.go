package bundle

import (
	"fmt"

	"patchferry/layout"
)

// Unlisted returns the exact bytes of the files of a volume that its own list
// does not name, by path: header, the header's signatures, the list itself,
// and in volume 1 the signatures of the generation. With the declared files
// (Files, CopyFile) they are the whole volume. It comes after Census; a volume
// that is absent is a *WaitingError.
//
// Header and signatures are those that were verified, not what the medium has by
// now; those of the generation are after Load. The list is read again, and held
// to the header once more.
func (b *Bundle) Unlisted(index int) (map[string][]byte, error) {
	v, err := b.volumeAt(index)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{HeaderFile: b.doc, HeaderSigFile: b.sig}
	want := b.header.Volumes[index-1]
	if files[VolumeFile], err = v.read(VolumeFile, int64(want.Files)*maxVolumeLine); err != nil {
		return nil, err
	}
	if got := layout.DigestOf(files[VolumeFile]); got != want.SHA256 {
		return nil, v.refuse(CodeDigest, VolumeFile, fmt.Sprintf("has the digest %s; the header says %s", got, want.SHA256), nil)
	}
	if index > 1 {
		return files, nil
	}
	if b.lists != nil {
		files[GenerationSigFile] = b.lists.sig
		return files, nil
	}
	files[GenerationSigFile], err = v.read(GenerationSigFile, MaxSignature)
	return files, err
}
