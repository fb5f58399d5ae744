package s3test

// Elsewhere returns how an engine of ours is started at another address by
// somebody else, with what it had, once it was stopped: its arguments, the
// program first, and its environment.
func (e *Engine) Elsewhere(address string) (args, env []string, err error) {
	args, err = e.process.arguments(address)
	return args, e.process.env, err
}
