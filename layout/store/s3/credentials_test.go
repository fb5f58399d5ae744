package s3

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

func TestParseCredentials(t *testing.T) {
	tests := []struct {
		name, doc, profile string
		want               credentials.Value
	}{
		{"default", "[default]\naws_access_key_id = A\naws_secret_access_key = s=/+\n", "", credentials.Value{AccessKeyID: "A", SecretAccessKey: "s=/+"}},
		{"token", "[default]\r\naws_access_key_id=A\r\naws_secret_access_key=S\r\naws_session_token=T\r\n", "", credentials.Value{AccessKeyID: "A", SecretAccessKey: "S", SessionToken: "T"}},
		{"section", "[default]\naws_access_key_id=A\n[ site ] # ours\nAWS_Access_Key_Id=B\naws_secret_access_key=S\nregion=x\n[other]\naws_access_key_id=C\n", "site",
			credentials.Value{AccessKeyID: "B", SecretAccessKey: "S"}},
		{"comments", "# [default]\n;x\n[default]\n#aws_access_key_id=X\naws_access_key_id=A\naws_secret_access_key=S\n", "default", credentials.Value{AccessKeyID: "A", SecretAccessKey: "S"}},
		{"programs are not run", "[default]\ncredential_process=/bin/false\naws_access_key_id=A\naws_secret_access_key=S\n", "", credentials.Value{AccessKeyID: "A", SecretAccessKey: "S"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCredentials(strings.NewReader(tt.doc), tt.profile)
			if err != nil || got != tt.want {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// FuzzParseCredentials: what is taken can stand in a header, and no error repeats
// what the file says.
func FuzzParseCredentials(f *testing.F) {
	f.Add("[default]\naws_access_key_id = A\naws_secret_access_key = S\n")
	f.Add("[default]\naws_secret_access_key = hunter2 hunter2\naws_access_key_id=A")
	f.Fuzz(func(t *testing.T, doc string) {
		v, err := parseCredentials(strings.NewReader(doc), "")
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret stands in %q", err)
			}
			return
		}
		if v.AccessKeyID == "" || v.SecretAccessKey == "" || strings.ContainsFunc(v.AccessKeyID+v.SecretAccessKey+v.SessionToken, notGraphic) {
			t.Errorf("%q: got %q", doc, v)
		}
	})
}
