package main

import (
	"fmt"
	"strings"
	"syscall"
	"unsafe"
)

var (
	advapi32        = syscall.NewLazyDLL("advapi32.dll")
	regCreateKeyEx  = advapi32.NewProc("RegCreateKeyExW")
	regSetValueEx   = advapi32.NewProc("RegSetValueExW")
	regDeleteTree   = advapi32.NewProc("RegDeleteTreeW")
	localMachine    = uintptr(syscall.HKEY_LOCAL_MACHINE)
	allAccess       = uintptr(0xf003f)
	text            = uintptr(1) // REG_SZ
	doubleWord      = uintptr(4) // REG_DWORD
	doubleWordWords = "dword:"
)

// below is the path of a key below HKLM.
func below(key string) (string, error) {
	path, ok := strings.CutPrefix(key, `HKLM\`)
	if !ok {
		return "", fmt.Errorf("key %s is not below HKLM", key)
	}
	return path, nil
}

// setKey makes a key and, where one is named or data given, sets a value of it.
func setKey(key, value, data string) error {
	path, err := below(key)
	if err != nil {
		return err
	}
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	var h syscall.Handle
	code, _, _ := regCreateKeyEx.Call(localMachine, uintptr(unsafe.Pointer(name)), 0, 0, 0, allAccess, 0, uintptr(unsafe.Pointer(&h)), 0)
	if code != 0 {
		return fmt.Errorf("make key %s: %w", key, syscall.Errno(code))
	}
	defer func() { _ = syscall.RegCloseKey(h) }() // nothing is lost by it
	if value == "" && data == "" {
		return nil
	}
	return setValue(h, value, data)
}

func setValue(h syscall.Handle, value, data string) error {
	name, err := syscall.UTF16PtrFromString(value)
	if err != nil {
		return err
	}
	kind, bytes := text, unsafe.Pointer(nil)
	var size uintptr
	if digits, ok := strings.CutPrefix(data, doubleWordWords); ok {
		var n uint32
		if _, err := fmt.Sscan(digits, &n); err != nil {
			return fmt.Errorf("value %s: %w", value, err)
		}
		kind, bytes, size = doubleWord, unsafe.Pointer(&n), unsafe.Sizeof(n)
	} else {
		wide, err := syscall.UTF16FromString(data)
		if err != nil {
			return err
		}
		bytes, size = unsafe.Pointer(&wide[0]), uintptr(2*len(wide))
	}
	code, _, _ := regSetValueEx.Call(uintptr(h), uintptr(unsafe.Pointer(name)), 0, kind, uintptr(bytes), size)
	if code != 0 {
		return fmt.Errorf("set value %s: %w", value, syscall.Errno(code))
	}
	return nil
}

// deleteKey removes a key with all below it; one that is not there is no error.
func deleteKey(key string) error {
	path, err := below(key)
	if err != nil {
		return err
	}
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	code, _, _ := regDeleteTree.Call(localMachine, uintptr(unsafe.Pointer(name)))
	if code != 0 && syscall.Errno(code) != syscall.ERROR_FILE_NOT_FOUND {
		return fmt.Errorf("delete key %s: %w", key, syscall.Errno(code))
	}
	return nil
}

// subKeys returns the names of the keys below one; none where it is not there.
func subKeys(key string) ([]string, error) {
	path, err := below(key)
	if err != nil {
		return nil, err
	}
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	var h syscall.Handle
	if err := syscall.RegOpenKeyEx(syscall.HKEY_LOCAL_MACHINE, name, 0, syscall.KEY_READ, &h); err != nil {
		return nil, nil
	}
	defer func() { _ = syscall.RegCloseKey(h) }() // nothing is lost by it
	var all []string
	for i := uint32(0); ; i++ {
		var buffer [256]uint16
		n := uint32(len(buffer))
		if err := syscall.RegEnumKeyEx(h, i, &buffer[0], &n, nil, nil, nil, nil); err != nil {
			return all, nil // that was the last
		}
		all = append(all, syscall.UTF16ToString(buffer[:n]))
	}
}
