package fill

import "os"

// SetWrite lets a test write in place of the Pool.
func (p *Pool) SetWrite(write func(f *os.File, b []byte, offset int64) error) { p.write = write }

// SetSync lets a test see what is made durable.
func (p *Pool) SetSync(sync func(*os.File) error) { p.sync = sync }
