//! Every form of certificate against every way of checking it, as `tests/certificates.table` says. OpenSSL makes the certificates
//! and ends TLS, because no library of ours makes all of them; behind it stands a small vCenter.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use vpoller_testkit::ports;
use vpoller_testkit::responder::{answer_over, healthy};
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_vsphere::{Client, Tls, fetch_fingerprint};

use crate::config;

const TABLE: &str = include_str!("../certificates.table");
/// Rows that are judged at the same time.
const WORKERS: usize = 4;
/// What a server shows that is named in no row.
const NAMES: &str = "subjectAltName=DNS:vc01.example.org";

/// One block of the table.
type Row = BTreeMap<&'static str, &'static str>;

fn rows() -> Vec<Row> {
    let blocks = TABLE.split("\n\n");
    let line = |line: &'static str| line.split_once(": ").unwrap_or_else(|| panic!("no colon in {line:?}"));
    let row = |block: &'static str| block.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(line).collect();
    blocks.map(row).filter(|row: &Row| !row.is_empty()).collect()
}

/// The folder where OpenSSL works, and what is known of the authorities in it.
struct Workshop {
    folder: TempDir,
    /// Who signed it, by an authority's name.
    signers: BTreeMap<&'static str, &'static str>,
}

impl Workshop {
    fn new(rows: &[Row]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("openssl.conf"), CONF).unwrap();
        let authorities = rows.iter().filter_map(|row| Some((*row.get("authority")?, row)));
        let signers = authorities.clone().map(|(name, row)| (name, row["signer"])).collect();
        let workshop = Self { folder, signers };
        for row in rows {
            workshop.make_key(row["key"]);
        }
        for (name, row) in authorities {
            workshop.make(name, row);
        }
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path()).args(arguments).env("OPENSSL_CONF", self.path("openssl.conf"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let done = self.openssl(arguments);
        assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// A private key; what follows a dot in its name makes it another key of the same kind.
    fn make_key(&self, name: &str) {
        let file = format!("{name}.key");
        if self.path(&file).exists() {
            return;
        }
        let kind = name.split('.').next().unwrap();
        let curve = format!("ec_paramgen_curve:{kind}");
        let bits = format!(
            "rsa_keygen_bits:{}",
            kind.trim_start_matches("rsa-pss-").trim_start_matches("rsa-e3-").trim_start_matches("rsa")
        );
        let mut options = match kind {
            "ed25519" | "ed448" => vec!["-algorithm", kind],
            _ if kind.starts_with("rsa-pss-") => vec!["-algorithm", "RSA-PSS", "-pkeyopt", &bits],
            _ if kind.starts_with("rsa") => vec!["-algorithm", "RSA", "-pkeyopt", &bits],
            _ => vec!["-algorithm", "EC", "-pkeyopt", &curve, "-pkeyopt", "ec_param_enc:named_curve"],
        };
        if kind.starts_with("rsa-e3-") {
            options.extend(["-pkeyopt", "rsa_keygen_pubexp:3"]);
        }
        self.done(&[&["genpkey", "-out", &file][..], &options].concat());
    }

    /// The certificate of a row: `NAME.pem`, and what is sent with it: `NAME.chain`.
    fn make(&self, name: &str, row: &Row) {
        let certificate = format!("{name}.pem");
        let subject = row.get("subject").copied().unwrap_or("/CN=vc01.example.org/C=US");
        let key = format!("{}.key", row["key"]);
        let signer = row["signer"];
        let authority = [format!("{signer}.pem"), format!("{signer}.key.link")];
        let digest = format!("-{}", row.get("digest").copied().unwrap_or("sha256"));
        let extensions = row.get("extensions").copied().unwrap_or(NAMES).replace("; ", "\n");
        fs::write(self.path(&format!("{name}.ext")), format!("{extensions}\n")).unwrap();
        let (request, extension_file) = (format!("{name}.csr"), format!("{name}.ext"));
        fs::copy(self.path(&key), self.path(&format!("{name}.key.link"))).unwrap();
        self.done(&["req", "-new", "-key", &key, "-subj", subject, "-out", &request]);
        if let Some((from, to)) = row.get("dates").and_then(|dates| dates.split_once(" to ")) {
            fs::write(self.path(&format!("{name}.index")), "").unwrap();
            fs::write(self.path(&format!("{name}.conf")), CONF.replace("NAME", name)).unwrap();
            let conf = format!("{name}.conf");
            let dated = [
                "ca",
                "-batch",
                "-config",
                &conf,
                "-in",
                &request,
                "-out",
                &certificate,
                "-notext",
                "-md",
                &digest[1..],
                "-extfile",
                &extension_file,
                "-startdate",
                from,
                "-enddate",
                to,
            ];
            match signer {
                "self" => self.done(&[&dated[..], &["-selfsign", "-keyfile", &key]].concat()),
                _ => self.done(&[&dated[..], &["-cert", &authority[0], "-keyfile", &authority[1]]].concat()),
            };
        } else if extensions == "none" {
            let signing = self.signing(signer, &key, &authority);
            self.done(&[&["x509", "-req", "-in", &request, &digest, "-out", &certificate][..], &signing].concat());
            // From 3.4 on OpenSSL makes a certificate of the first version only when it is asked to.
            if !self.done(&["x509", "-in", &certificate, "-noout", "-text"]).contains("Version: 1 ") {
                let asked = ["req", "-new", "-x509v1", "-subj", subject, "-key", &key, &digest, "-out", &certificate];
                let signed = ["-CA", &authority[0], "-CAkey", &authority[1]];
                self.done(&[&asked[..], if signer == "self" { &[] } else { &signed }].concat());
            }
        } else {
            let signing = self.signing(signer, &key, &authority);
            self.done(
                &[&["x509", "-req", "-in", &request, "-extfile", &extension_file, &digest, "-out", &certificate][..], &signing]
                    .concat(),
            );
        }
        if let Some((from, to)) = row.get("patch").and_then(|patch| patch.split_once(" to ")) {
            self.patch(&certificate, from, to);
        }
        let mut chain = String::new();
        let mut next = signer;
        while next != "self" && self.signers[next] != "self" {
            chain += &fs::read_to_string(self.path(&format!("{next}.pem"))).unwrap();
            next = self.signers[next];
        }
        fs::write(self.path(&format!("{name}.chain")), chain).unwrap();
        fs::write(self.path(&format!("{name}.top")), if next == "self" { name } else { next }).unwrap();
    }

    fn signing<'a>(&self, signer: &str, key: &'a str, authority: &'a [String; 2]) -> Vec<&'a str> {
        match signer {
            "self" => vec!["-signkey", key, "-days", "30"],
            // OpenSSL would keep the last number in a file, which rows that are made at the same time share.
            _ => vec!["-CA", &authority[0], "-CAkey", &authority[1], "-set_serial", "4711", "-days", "30"],
        }
    }

    /// Replaces bytes, written in hexadecimal, in a certificate: no tool makes what comes out.
    fn patch(&self, certificate: &str, from: &str, to: &str) {
        let der = format!("{certificate}.der");
        self.done(&["x509", "-in", certificate, "-outform", "DER", "-out", &der]);
        let bytes = fs::read(self.path(&der)).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hex.contains(from), "{from} is not in {hex}");
        let hex = hex.replacen(from, to, 1);
        let bytes: Vec<u8> = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
        fs::write(self.path(&der), bytes).unwrap();
        let text = self.done(&["base64", "-in", &der]);
        fs::write(self.path(certificate), format!("-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")).unwrap();
    }

    fn pin(&self, name: &str) -> Tls {
        let printed = self.done(&["dgst", "-sha256", "-r", &self.der(name)]);
        Tls::Pin(printed.split(' ').next().unwrap().parse().unwrap())
    }

    fn der(&self, name: &str) -> String {
        let (text, der) = (fs::read_to_string(self.path(&format!("{name}.pem"))).unwrap(), format!("{name}.whole"));
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('-')).collect();
        fs::write(self.path("in.b64").with_extension(name), lines.join("\n") + "\n").unwrap();
        self.done(&["base64", "-d", "-in", &format!("in.{name}"), "-out", &der]);
        der
    }

    /// What a row says and what is.
    fn judge(&self, row: &Row) -> Vec<String> {
        let name = row["form"];
        self.make(name, row);
        let server = Server::start(self, name, row);
        let top = fs::read_to_string(self.path(&format!("{name}.top"))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ways = [("ca", Tls::CaFile(self.path(&format!("{top}.pem")))), ("pin", self.pin(name)), ("off", Tls::Off)];
        let mut wrong = Vec::new();
        let mut compare = |way: &str, is: Result<(), String>| {
            let expected = row[way];
            let same = match &is {
                Ok(()) => expected == "connects",
                Err(text) => text.contains(expected),
            };
            if !same {
                wrong.push(format!("{name}, {way}: {expected:?} expected, {is:?}"));
            }
        };
        for (way, tls) in ways {
            let mut config = config(server.address);
            config.tls = tls;
            config.host = row.get("host").copied().unwrap_or("vc01.example.org").to_owned();
            let session = runtime.block_on(async { Client::new(config)?.session().await });
            compare(way, session.map(|_| ()).map_err(|error| error.to_string()));
        }
        if row.contains_key("trust") {
            let seen = runtime.block_on(fetch_fingerprint("127.0.0.1", server.address.port(), Duration::from_secs(10)));
            compare(
                "trust",
                match seen {
                    Ok(certificate) => certificate.unusable.map_or(Ok(()), Err),
                    Err(error) => Err(error.to_string()),
                },
            );
        }
        wrong
    }
}

/// OpenSSL as a server, with a vCenter at the other end of its pipes.
struct Server {
    address: SocketAddr,
    process: Child,
}

impl Server {
    fn start(workshop: &Workshop, name: &str, row: &Row) -> Self {
        let [port] = ports::free();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new("openssl");
        command.current_dir(workshop.folder.path()).env("OPENSSL_CONF", workshop.path("openssl.conf"));
        command.args(["s_server", "-quiet", "-accept", &address.to_string(), "-cipher", "ALL:@SECLEVEL=0"]);
        command.args(["-cert", &format!("{name}.pem"), "-key", &format!("{}.key", row["key"])]);
        if !fs::read_to_string(workshop.path(&format!("{name}.chain"))).unwrap().is_empty() {
            command.args(["-cert_chain", &format!("{name}.chain")]);
        }
        command.args(row.get("serve").into_iter().flat_map(|flags| flags.split(' ')));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(workshop.path(&format!("{name}.log"))).unwrap());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdout.take().unwrap(), process.stdin.take().unwrap());
        thread::spawn(move || answer_over(input, output, healthy));
        wait_until(SOON, "openssl that listens", || {
            if process.try_wait().unwrap().is_some() {
                panic!("{name}: {}", fs::read_to_string(workshop.path(&format!("{name}.log"))).unwrap());
            }
            TcpStream::connect(address).is_ok()
        });
        Self { address, process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CONF: &str = "\
[req]
distinguished_name = names
[names]
[ca]
default_ca = own
[own]
database = NAME.index
new_certs_dir = .
rand_serial = yes
policy = any
email_in_dn = yes
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
";

#[test]
fn every_form_of_certificate_is_judged_as_the_table_says() {
    let rows = rows();
    let workshop = Workshop::new(&rows);
    let forms: Mutex<Vec<&Row>> = Mutex::new(rows.iter().filter(|row| row.contains_key("form")).collect());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(row) = forms.lock().unwrap().pop() else { return };
                    let found = workshop.judge(row);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What a CA file may look like: the file's content made of a certificate, and what is said of it.
#[test]
fn other_forms_of_ca_files_are_read_or_refused_with_the_way_out() {
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.get("authority") == Some(&"vmca")).collect();
    let workshop = Workshop::new(&rows);
    let text = fs::read_to_string(workshop.path("vmca.pem")).unwrap();
    let der = fs::read(workshop.path(&workshop.der("vmca"))).unwrap();
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    workshop.done(&["crl2pkcs7", "-nocrl", "-certfile", "vmca.pem", "-out", "vmca.p7"]);
    workshop.done(&["crl2pkcs7", "-nocrl", "-certfile", "vmca.pem", "-outform", "DER", "-out", "vmca.p7b"]);
    workshop.done(&["pkcs12", "-export", "-nokeys", "-in", "vmca.pem", "-passout", "pass:", "-out", "vmca.p12"]);
    workshop.done(&["x509", "-in", "vmca.pem", "-trustout", "-out", "vmca.trusted"]);
    let file = |name: &str| fs::read(workshop.path(name)).unwrap();
    let forms: Vec<(&str, Vec<u8>, &str)> = vec![
        ("plain", text.clone().into_bytes(), ""),
        ("a mark of UTF-8", [b"\xef\xbb\xbf", text.as_bytes()].concat(), ""),
        ("UTF-16, low byte first", [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(), ""),
        ("UTF-16, high byte first", [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat(), ""),
        ("the old name", text.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes(), ""),
        ("line ends of Windows", text.replace('\n', "\r\n").into_bytes(), ""),
        ("text around it", format!("subject=vmca\n\n{text}\nremark").into_bytes(), ""),
        ("DER", der.clone(), "it is in DER form; convert it: openssl x509 -inform DER -in "),
        ("PKCS#7", file("vmca.p7"), "openssl pkcs7 -print_certs -in "),
        ("PKCS#7 in DER", file("vmca.p7b"), "openssl pkcs7 -inform DER -print_certs -in "),
        ("PKCS#12", file("vmca.p12"), "openssl pkcs12 -nokeys -in "),
        ("a form of OpenSSL's own", file("vmca.trusted"), "openssl x509 -in "),
        ("a ZIP archive", b"PK\x03\x04\0\0".to_vec(), "unpack it"),
        ("a key", file("rsa2048.vmca.key"), "holds no certificate in PEM form, but a private key"),
        ("a request", file("vmca.csr"), "but a certificate request"),
        ("a cut one", text.as_bytes()[..500].to_vec(), "certificate 1 in it cannot be read: its END line is missing"),
        ("nothing", Vec::new(), "it holds no certificate in PEM form"),
        ("damaged", text.replace("\nMII", "\nMIj").into_bytes(), "certificate 1 in it cannot be read"),
    ];
    for (form, bytes, expected) in forms {
        let path = workshop.path("given.crt");
        fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
        match vpoller_vsphere::check_ca_file(Path::new(&path)) {
            Ok(()) => assert_eq!(expected, "", "{form} is taken"),
            Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{form}: {error}"),
        }
    }
}
