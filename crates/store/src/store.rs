//! Reading and changing the database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use secrecy::{ExposeSecret, SecretString};

use crate::{DEFAULT_PORT, Error, Host, TlsChoice, file};

/// The open database. Calls block, for up to 5 s while another program locks the file, so they must not run on a tokio thread.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens an existing database, for programs that use the passwords in it.
    ///
    /// # Errors
    /// When the file is missing, no such database, or readable by every user of the machine.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if file::is_exposed(path)? {
            return Err(Error::Exposed(path.to_owned()));
        }
        Self::open_exposed(path)
    }

    /// As [`Store::open`], also when every user can read the file: for the tool that administers it. See [`Store::exposed`].
    ///
    /// # Errors
    /// When the file is missing or no such database.
    pub fn open_exposed(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        file::is_exposed(path)?;
        let store = Self::connect(path)?;
        match store.columns("hosts")?.as_slice() {
            columns if ["host", "user", "pwd", "enabled"].iter().all(|name| columns.iter().any(|c| c == name)) => Ok(store),
            _ => Err(Error::Layout(path.to_owned())),
        }
    }

    /// Makes a new database that only its owner can read; an existing empty file becomes one.
    ///
    /// # Errors
    /// When the file already holds hosts or anything else, which is then left as it is; when it cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let new = file::make(path)?;
        let store = Self::connect(path)?;
        let transaction = store.begin()?;
        let fail = |error| store.fail(error);
        match any_table(&transaction).map_err(fail)? {
            None => {}
            Some(table) if table == "hosts" => return Err(Error::Exists(path.to_owned())),
            Some(table) => return Err(Error::Foreign { path: path.to_owned(), table }),
        }
        if !new {
            file::restrict(path)?;
        }
        transaction.execute_batch(HOSTS).and_then(|()| transaction.commit()).map_err(fail)?;
        Ok(store)
    }

    fn connect(path: &Path) -> Result<Self, Error> {
        // Without CREATE a mistyped name makes no file; read-write falls back to read-only where the system says so.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fail = |error| Error::sqlite(path, error);
        let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
        connection.busy_timeout(BUSY).map_err(fail)?;
        // A removed password is overwritten in the file. This setting belongs to the connection, not to the file.
        connection.pragma_update(None, "secure_delete", true).map_err(fail)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Whether every user of the machine can read the passwords; [`Error::Exposed`] has the words for it.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn exposed(&self) -> Result<bool, Error> {
        file::is_exposed(&self.path)
    }

    /// Every host, enabled or not, in the order of the table.
    ///
    /// # Errors
    /// When the file cannot be read, or a text in it is no text.
    pub fn hosts(&self) -> Result<Vec<Host>, Error> {
        let fail = |error| self.fail(error);
        // One transaction for both: whether the second table exists, and its rows.
        let transaction = self.connection.unchecked_transaction().map_err(fail)?;
        let settings = if self.columns(SETTINGS_TABLE)?.is_empty() { NO_SETTINGS } else { SETTINGS_TABLE };
        let sql = format!(
            "SELECT h.host, h.user, h.pwd, h.enabled, s.port, s.tls, s.detail \
             FROM hosts h LEFT JOIN {settings} s ON s.host = h.host WHERE h.host IS NOT NULL ORDER BY h.rowid"
        );
        let mut statement = transaction.prepare(&sql).map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        let mut hosts = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            hosts.push(self.host(row)?);
        }
        Ok(hosts)
    }

    fn host(&self, row: &Row<'_>) -> Result<Host, Error> {
        let name = self.text(row, "host", "")?;
        let fail = |error| self.fail(error);
        let enabled = !matches!(row.get_ref("enabled").map_err(fail)?, ValueRef::Null | ValueRef::Integer(0));
        let port = match row.get_ref("port").map_err(fail)? {
            ValueRef::Integer(port) => u16::try_from(port).unwrap_or(DEFAULT_PORT),
            _ => DEFAULT_PORT,
        };
        let word: Option<String> = row.get("tls").map_err(fail)?;
        let tls = TlsChoice::from_columns(word.as_deref(), row.get("detail").map_err(fail)?);
        let password = SecretString::from(self.text(row, "pwd", &name)?);
        Ok(Host { user: self.text(row, "user", &name)?, password, enabled, port, tls, host: name })
    }

    /// A text column of a table that other programs may have written: numbers are texts too, NULL is the empty text.
    fn text(&self, row: &Row<'_>, column: &'static str, host: &str) -> Result<String, Error> {
        let refused = || Error::Text { path: self.path.clone(), host: host.to_owned(), column };
        match row.get_ref(column).map_err(|error| self.fail(error))? {
            ValueRef::Null => Ok(String::new()),
            ValueRef::Integer(number) => Ok(number.to_string()),
            ValueRef::Real(number) => Ok(number.to_string()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8(bytes.to_vec()).map_err(|_| refused()),
        }
    }

    /// Registers a host, disabled until [`Store::enable`]; one that is there already is replaced. Its certificate will be
    /// verified, unless it has a setting of its own from before.
    ///
    /// # Errors
    /// When the name is no host name, or the file cannot be written.
    pub fn add(&self, host: &str, user: &str, password: &SecretString) -> Result<(), Error> {
        valid_host(host)?;
        valid_user(user)?;
        self.change(|transaction| {
            let sql = "INSERT OR REPLACE INTO hosts (host, user, pwd, enabled) VALUES (?1, ?2, ?3, 0)";
            transaction.execute(sql, params![host, user, password.expose_secret()])?;
            transaction.execute(ADOPT, params![host])
        })
        .map(drop)
    }

    /// Changes a host's credentials and nothing else; one that is not there is added.
    ///
    /// # Errors
    /// As [`Store::add`].
    pub fn update(&self, host: &str, user: &str, password: &SecretString) -> Result<(), Error> {
        valid_user(user)?;
        let sql = "UPDATE hosts SET user = ?2, pwd = ?3 WHERE host = ?1";
        match self.change(|transaction| transaction.execute(sql, params![host, user, password.expose_secret()]))? {
            0 => self.add(host, user, password),
            _ => Ok(()),
        }
    }

    /// Forgets a host with all its settings; returns whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove(&self, host: &str) -> Result<bool, Error> {
        // The trigger removes the row of the second table, for the original tool too.
        self.change(|transaction| transaction.execute("DELETE FROM hosts WHERE host = ?1", [host])).map(|rows| rows > 0)
    }

    /// Lets workers serve a host; returns whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn enable(&self, host: &str) -> Result<bool, Error> {
        self.set_enabled(host, true)
    }

    /// Stops workers from serving a host; returns whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn disable(&self, host: &str) -> Result<bool, Error> {
        self.set_enabled(host, false)
    }

    fn set_enabled(&self, host: &str, enabled: bool) -> Result<bool, Error> {
        let sql = "UPDATE hosts SET enabled = ?2 WHERE host = ?1";
        self.change(|transaction| transaction.execute(sql, params![host, i64::from(enabled)])).map(|rows| rows > 0)
    }

    /// Sets the TCP port of a host's API.
    ///
    /// # Errors
    /// When the host is not registered, the port is 0, or the file cannot be written.
    pub fn set_port(&self, host: &str, port: u16) -> Result<(), Error> {
        if port == 0 {
            return Err(Error::Value { what: "port", value: port.to_string(), reason: "is no port; use 1 to 65535" });
        }
        let sql = "INSERT INTO vpoller_hosts (host, port) SELECT host, ?2 FROM hosts WHERE host = ?1 \
                   ON CONFLICT (host) DO UPDATE SET port = excluded.port";
        self.set(host, |transaction| transaction.execute(sql, params![host, port]))
    }

    /// Sets how a host's certificate is checked. A CA file's name is made absolute.
    ///
    /// # Errors
    /// When the host is not registered, the choice cannot be stored, or the file cannot be written.
    pub fn set_tls(&self, host: &str, tls: &TlsChoice) -> Result<(), Error> {
        let (word, detail) = tls.columns()?;
        let sql = "INSERT INTO vpoller_hosts (host, tls, detail) SELECT host, ?2, ?3 FROM hosts WHERE host = ?1 \
                   ON CONFLICT (host) DO UPDATE SET tls = excluded.tls, detail = excluded.detail";
        self.set(host, |transaction| transaction.execute(sql, params![host, word, detail]))
    }

    fn set(&self, host: &str, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<usize>) -> Result<(), Error> {
        match self.change(change)? {
            0 => Err(Error::UnknownHost { path: self.path.clone(), host: host.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Runs one change in a transaction, after making the second table. A change of no row leaves the file as it was.
    fn change(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<usize>) -> Result<usize, Error> {
        let transaction = self.begin()?;
        let fail = |error| self.fail(error);
        let rows = transaction.execute_batch(SETTINGS).and_then(|()| change(&transaction)).map_err(fail)?;
        if rows > 0 {
            transaction.commit().map_err(fail)?;
        }
        Ok(rows)
    }

    /// Takes the write lock at once, so that the busy timeout holds for the whole change.
    fn begin(&self) -> Result<Transaction<'_>, Error> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        transaction.map_err(|error| self.fail(error))
    }

    /// The column names of a table; none when there is no such table.
    fn columns(&self, table: &str) -> Result<Vec<String>, Error> {
        let fail = |error| self.fail(error);
        let mut statement = self.connection.prepare("SELECT name FROM pragma_table_info(?1)").map_err(fail)?;
        let names = statement.query_map([table], |row| row.get(0)).map_err(fail)?;
        names.collect::<Result<_, _>>().map_err(fail)
    }

    fn fail(&self, error: rusqlite::Error) -> Error {
        Error::sqlite(&self.path, error)
    }
}

/// Any table of the file, one of this crate first.
fn any_table(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name = 'hosts' DESC LIMIT 1";
    connection.query_row(sql, [], |row| row.get(0)).optional()
}

/// Blanks around the host name of a request are removed, so a name with blanks around it could never be asked for.
fn valid_host(host: &str) -> Result<(), Error> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Error::Value { what: "host", value: host.to_owned(), reason: "is no host name or address" });
    }
    Ok(())
}

/// Scripts read the table of hosts line by line.
fn valid_user(user: &str) -> Result<(), Error> {
    if user.contains(char::is_control) {
        return Err(Error::Value {
            what: "user",
            value: user.to_owned(),
            reason: "has a line break or another control character",
        });
    }
    Ok(())
}

/// How long another program may lock the file before a call fails.
const BUSY: Duration = Duration::from_secs(5);

/// The original's table, as the original makes it.
const HOSTS: &str = "CREATE TABLE hosts ( host TEXT UNIQUE, user TEXT, pwd TEXT, enabled INTEGER )";

const SETTINGS_TABLE: &str = "vpoller_hosts";

/// Our table. The trigger runs for the original tool as well when it removes a host, but not when it updates one (which replaces
/// the row): so settings live exactly as long as their host.
const SETTINGS: &str = "CREATE TABLE IF NOT EXISTS vpoller_hosts ( host TEXT PRIMARY KEY, port INTEGER, tls TEXT, detail TEXT );
    CREATE TRIGGER IF NOT EXISTS vpoller_hosts_forget AFTER DELETE ON hosts
    BEGIN DELETE FROM vpoller_hosts WHERE host = OLD.host; END";

/// Replaces the second table in a file that only the original tool wrote.
const NO_SETTINGS: &str = "(SELECT NULL AS host, NULL AS port, NULL AS tls, NULL AS detail)";

/// The settings of a host that `vconnector-cli` adds.
const ADOPT: &str = "INSERT INTO vpoller_hosts (host, tls) VALUES (?1, 'verify') \
    ON CONFLICT (host) DO UPDATE SET tls = coalesce(tls, excluded.tls)";
