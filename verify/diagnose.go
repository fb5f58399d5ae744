package verify

// diagnose says of a bad signature what may have happened to the document.
func (j *Judge) diagnose(_ Document, _ *Judgement) *Diagnosis {
	return &Diagnosis{Text: "the document was altered after it was signed, or the signature belongs to another; get both again from the publisher"}
}
