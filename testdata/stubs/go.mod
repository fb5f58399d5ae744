module patchferry/testdata/stubs

go 1.20
