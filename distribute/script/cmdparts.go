package script

// partBytes is how much a part says of its packages before the next begins: about as
// much as the code that each part has of its own.
const partBytes = 24 << 10

// Parts are the packages in parts, each with a copy of the code that they call. A
// label is looked for from the line of a jump on: the nearest copy is found, and not
// all that a set says of hundreds of packages is read for each of thousands of jumps.
// There is always one, for a set without packages too.
func (c *cmdSet) Parts() []cmdSet {
	var parts []cmdSet
	start, size := 0, 0
	cut := func(end int) {
		part := *c
		part.Items, part.Part = c.Items[start:end], len(parts)+1
		parts = append(parts, part)
		start, size = end, 0
	}
	for i := range c.Items {
		n := c.Items[i].bytes()
		if size > 0 && size+n > partBytes {
			cut(i)
		}
		size += n
	}
	cut(len(c.Items))
	for i := range parts[1:] {
		parts[i].Next = parts[i+1].Part
	}
	return parts
}

// bytes is about how much a script says of an item.
func (it *cmdItem) bytes() int {
	n := 0
	for _, lines := range [][]string{it.Data, it.Have, it.Fits, it.Files, it.Undo} {
		for _, line := range lines {
			n += len(line) + len("\r\n")
		}
	}
	return n
}
