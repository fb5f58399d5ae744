package script

// QuotingFiles are the files of a set but for the scripts for cmd, which refuse
// what the others can quote.
func (s *Set) QuotingFiles() ([]File, error) { return s.files(s.quoting()) }
