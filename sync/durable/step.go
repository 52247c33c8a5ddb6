package durable

// OnStep is for tests, which set it before anything else runs: it is asked before
// each step, and where it fails the step is not taken. One that fails for an end
// from some step on is how that end dies.
var OnStep func(what, at, name string) error

// Step comes before every call that changes a mailbox or what is agreed on: what it
// does, the root, directory or file it is in, and to what.
func Step(what, at, name string) error {
	if OnStep == nil {
		return nil
	}
	return OnStep(what, at, name)
}
