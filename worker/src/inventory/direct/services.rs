//! The managers of a vSphere host, asked each time.

use secrecy::SecretString;
use vpoller_vsphere::{MoRef, Value};

use super::Direct;
use crate::inventory::{GuestAccount, ReadError, Reading, Services};

impl Services for Direct {
    fn processes<'a>(&'a self, vm: &'a MoRef, account: GuestAccount<'a>) -> Reading<'a, Vec<Value>> {
        Box::pin(async move {
            let permit = self.guests.acquire().await.map_err(|_| ReadError::new("the worker is stopping"))?;
            let password = SecretString::from(account.password.expose());
            let listed = self.client.list_processes(vm, account.user, &password).await;
            drop(permit);
            listed.map_err(|error| ReadError::of(&vm.to_string(), &error))
        })
    }
}
