package verify

// PrimaryOf returns the fingerprint of the certificate whose subkey f is. It
// does not ask whether the certificate's owner bound that subkey: it serves to
// tell somebody who typed the wrong fingerprint which one to compare.
func (k *Keyring) PrimaryOf(f Fingerprint) (Fingerprint, bool) {
	if k == nil {
		return "", false
	}
	for _, c := range k.certificates {
		for _, s := range c.subkeys {
			if fingerprintOf(s.key.Fingerprint) == f {
				return c.fingerprint, true
			}
		}
	}
	return "", false
}
