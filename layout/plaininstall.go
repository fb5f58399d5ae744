package layout

func (c *plainLine) install() *Install {
	in := new(Install)
	c.byte('{')
	field(c, "switches", &in.Switches, list(c, c.text))
	field(c, "codes", &in.Codes, list(c, c.exitCode))
	field(c, "keys", &in.Keys, list(c, c.installedKey))
	field(c, "files", &in.Files, list(c, c.installedFile))
	field(c, "min_build", &in.MinBuild, c.int)
	field(c, "max_build", &in.MaxBuild, c.int)
	c.byte('}')
	return in
}

func (c *plainLine) exitCode() (e ExitCode) {
	c.byte('{')
	field(c, "code", &e.Code, c.int32)
	field(c, "result", &e.Result, word[string](c))
	c.byte('}')
	return e
}

func (c *plainLine) installedKey() (k InstalledKey) {
	c.byte('{')
	field(c, "key", &k.Key, c.text)
	field(c, "value", &k.Value, c.text)
	field(c, "data", &k.Data, c.text)
	c.byte('}')
	return k
}

func (c *plainLine) installedFile() (f InstalledFile) {
	c.byte('{')
	field(c, "path", &f.Path, c.text)
	field(c, "version", &f.Version, c.text)
	field(c, "size", &f.Size, c.int64)
	field(c, "sha256", &f.SHA256, c.digest)
	field(c, "sha1", &f.SHA1, func() (d SHA1) { c.hex(d[:]); return d })
	field(c, "md5", &f.MD5, func() (d MD5) { c.hex(d[:]); return d })
	c.byte('}')
	return f
}

func (c *plainLine) pack() *Package {
	p := new(Package)
	c.byte('{')
	field(c, "title", &p.Title, c.text)
	field(c, "version", &p.Version, c.text)
	field(c, "engine", &p.Engine, c.text)
	field(c, "identity", &p.Identity, c.text)
	field(c, "product", &p.Product, c.text)
	field(c, "patch", &p.Patch, c.text)
	field(c, "targets", &p.Targets, list(c, c.text))
	field(c, "restart", &p.Restart, word[string](c))
	field(c, "catalog", &p.Catalog, c.text)
	c.byte('}')
	return p
}
