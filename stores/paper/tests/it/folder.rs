//! On the machine's own file system.

use std::fs;
use std::path::PathBuf;

use tongtu_paper::PaperFile;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tongtu-paper-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder of the test");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is there");
    }
}

#[test]
fn what_replaces_is_read_and_nothing_is_left_beside_it() {
    let folder = Folder::new("replace");
    let mut paper = PaperFile::new(&folder.0.join("book"));
    assert_eq!(paper.read().unwrap(), None);
    paper.replace(b"one").unwrap();
    paper.replace(b"two").unwrap();
    assert_eq!(paper.read().unwrap().unwrap(), b"two");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn what_was_cut_off_is_not_read_and_is_overwritten() {
    let folder = Folder::new("left");
    let path = folder.0.join("book");
    fs::write(&path, b"one").unwrap();
    fs::write(folder.0.join("book.new"), b"a longer half of ano").unwrap();
    let mut paper = PaperFile::new(&path);
    assert_eq!(paper.read().unwrap().unwrap(), b"one");
    paper.replace(b"two").unwrap();
    assert_eq!(paper.read().unwrap().unwrap(), b"two");
}

#[test]
fn an_error_names_the_file_and_leaves_the_old_paper() {
    let folder = Folder::new("error");
    let path = folder.0.join("book");
    fs::write(&path, b"one").unwrap();
    // A folder where the new file would be written.
    fs::create_dir(folder.0.join("book.new")).unwrap();
    let mut paper = PaperFile::new(&path);
    let error = paper.replace(b"two").unwrap_err();
    assert_eq!(error.doing, "written");
    assert!(error.to_string().contains("book.new"), "{error}");
    assert_eq!(paper.read().unwrap().unwrap(), b"one");
}
