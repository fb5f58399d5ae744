package metalink_test

import (
	"testing"

	"patchferry/mirror/upstream/metalink"
	"patchferry/mirror/upstream/parsetest"
)

func TestGolden(t *testing.T) {
	parsetest.Golden(t, "testdata/*.meta[4l]*", metalink.Parse)
}
